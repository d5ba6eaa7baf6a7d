// Lists and adds employees. The API is where the page came from, or what ?api=… names (then its CORS must allow this page).
'use strict';

const PAGE = 50;
const asked = new URLSearchParams(location.search).get('api');
const base = new URL(asked ?? '.', location.href).href.replace(/\/?$/, '/');
const at = (id) => document.getElementById(id);
const rows = document.querySelector('#employees tbody');
let next = null;

async function call(path, options = {}) {
  let answer;
  try {
    answer = await fetch(base + path, options);
  } catch {
    throw new Error('The API cannot be reached.');
  }
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(body?.message ?? `The API answered with status ${answer.status}.`);
  return body;
}

function append([id, name]) {
  const row = rows.insertRow();
  for (const value of [id, name]) {
    const cell = row.insertCell();
    cell.textContent = value === null ? 'none' : String(value); // never as HTML
    if (value === null) cell.className = 'none';
  }
}

async function show(after) {
  at('employees').setAttribute('aria-busy', 'true');
  try {
    const page = await call(`employees?limit=${PAGE}` + (after === null ? '' : `&after=${encodeURIComponent(after)}`));
    if (after === null) rows.replaceChildren();
    page.Employees.forEach(append);
    next = page.Next ?? null;
    at('more').hidden = next === null;
    at('empty').hidden = rows.rows.length > 0;
  } finally {
    at('employees').setAttribute('aria-busy', 'false');
  }
}

async function tell(work) {
  at('problem').textContent = '';
  try {
    await work();
  } catch (wrong) {
    at('status').textContent = '';
    at('problem').textContent = wrong.message;
  }
}

at('add').addEventListener('submit', (event) => {
  event.preventDefault();
  tell(async () => {
    at('send').disabled = true;
    try {
      const [id, name] = [at('id').value, at('name').value];
      await call('employees', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ EmpId: id, EmpName: name }),
      });
      at('status').textContent = `${name} is stored.`;
      event.target.reset();
      at('id').focus();
      await show(null);
    } finally {
      at('send').disabled = false;
    }
  });
});
at('more').addEventListener('click', () => tell(() => show(next)));
tell(() => show(null));
