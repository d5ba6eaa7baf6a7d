"""The page of examples/employees/web in a real browser, served by the function behind its HTTP API, and from another origin by CORS."""
import http.server
import os
import pathlib
import threading
import unittest

from support import ROOT, Deployed, MariaDB
from web_driver import BROWSER, DRIVER, Browser

WEB = ROOT / "examples" / "employees" / "web"
HOSTILE = ["<img src=x onerror=\"document.title='broken in'\">", "</td><script>document.title='broken in'</script>", "Zoë & \"Ann\" 'O' 😀"]


def setUpModule():
    global database
    if not BROWSER or not DRIVER:
        raise unittest.SkipTest("chromium or chromedriver is not installed: scripts/install test")
    database = MariaDB()


def tearDownModule():
    database.close()


class Page(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.at = Deployed(database=database)
        cls.page = Browser()

    @classmethod
    def tearDownClass(cls):
        cls.page.close()
        cls.at.close()

    def setUp(self):
        database.reset()

    def show(self, rows):
        """Opens the page and waits for that many rows."""
        self.page.open(self.at.url + "/")
        self.assertTrue(self.page.wait(lambda: len(self.page.rows()) == rows), self.page.rows())

    def add(self, identity, name, submit="\ue007"):  # Enter
        self.page.find("#id").type(identity)
        self.page.find("#name").type(name + submit)

    def test_it_lists_what_is_there_and_nothing_of_it_is_markup(self):
        for i, name in enumerate(HOSTILE):
            self.at.ask("POST", "/employees", {"EmpId": f"<b>{i}</b>", "EmpName": name})
        self.at.ask("POST", "/employees", {"EmpId": "null", "EmpName": None})
        self.show(4)
        self.assertEqual([[f"<b>{i}</b>", name] for i, name in enumerate(HOSTILE)] + [["null", "none"]], self.page.rows())
        self.assertEqual("Employees", self.page.run("return document.title"))
        self.assertEqual(0, self.page.run("return document.querySelectorAll('tbody img, tbody script, tbody b').length"))
        self.assertEqual([], self.page.complaints())

    def test_an_empty_list_says_so(self):
        self.page.open(self.at.url + "/")
        self.assertTrue(self.page.wait(lambda: self.page.find("#empty").shown()))
        self.assertFalse(self.page.find("#more").shown())

    def test_an_employee_is_added_by_keyboard(self):
        self.show(0)
        self.add("7", "Ann <i>Lee</i>")
        self.assertTrue(self.page.wait(lambda: self.page.rows() == [["7", "Ann <i>Lee</i>"]]), self.page.rows())
        self.assertEqual("Ann <i>Lee</i> is stored.", self.page.find("#status").text())
        self.assertEqual("id", self.page.run("return document.activeElement.id"))
        self.assertEqual("", self.page.run("return document.getElementById('id').value"))
        self.assertEqual([["37", "Ann <i>Lee</i>".encode().hex().upper()]], database.table())

    def test_what_the_api_refuses_is_told(self):
        self.at.ask("POST", "/employees", {"EmpId": "7", "EmpName": "Ann"})
        self.show(1)
        self.add("7", "Bob", submit="")
        self.page.find("#send").click()
        self.assertTrue(self.page.wait(lambda: "1062" in self.page.find("#problem").text()), self.page.find("#problem").text())
        self.assertEqual("alert", self.page.find("#problem").role())
        self.assertEqual([["7", "Ann"]], self.page.rows())
        self.assertEqual("7", self.page.run("return document.getElementById('id').value"))  # to be mended, not typed again

    def test_more_are_shown_page_by_page(self):
        self.at.ask("POST", "/employees/batch", [{"EmpId": f"{i:03}", "EmpName": f"n{i}"} for i in range(120)])
        self.show(50)
        for count in (100, 120):
            self.page.find("#more").click()
            self.assertTrue(self.page.wait(lambda wanted=count: len(self.page.rows()) == wanted))
        self.assertFalse(self.page.find("#more").shown())
        self.assertEqual([f"{i:03}" for i in range(120)], [row[0] for row in self.page.rows()])

    def test_a_screen_reader_is_told_what_things_are(self):
        self.show(0)
        for selector, role, label in (("#id", "textbox", "Id"), ("#name", "textbox", "Name"), ("#send", "button", "Add"),
                                      ("#employees", "table", "All employees"), ("main", "main", "")):
            element = self.page.find(selector)
            self.assertEqual((role, label), (element.role(), element.label()), selector)
        self.assertEqual("en", self.page.run("return document.documentElement.lang"))
        self.assertEqual("status", self.page.find("#status").role())

    def test_how_it_looks(self):
        """BOREALIS_SCREENSHOTS=FOLDER keeps a picture for people to look at."""
        for i, name in enumerate(["Ann Lee", *HOSTILE]):
            self.at.ask("POST", "/employees", {"EmpId": str(i), "EmpName": name})
        self.show(4)
        self.add("9", "Zoë")
        self.assertTrue(self.page.wait(lambda: len(self.page.rows()) == 5))
        # Nothing sticks out, on a telephone either.
        self.assertTrue(self.page.run("return document.documentElement.scrollWidth <= innerWidth"))
        if folder := os.environ.get("BOREALIS_SCREENSHOTS"):
            self.page.screenshot(pathlib.Path(folder, "employees.png"))


class Files(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *arguments, **more):
        super().__init__(*arguments, directory=str(WEB), **more)

    def log_message(self, *_):
        pass


class Elsewhere(unittest.TestCase):
    """The page on another web server: it may call the API where the API's CORS names that server (L-3.41)."""

    def test_cors_decides(self):
        servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) for _ in range(2)]
        for one in servers:
            threading.Thread(target=one.serve_forever, daemon=True).start()
        allowed, foreign = (f"http://127.0.0.1:{one.server_port}" for one in servers)
        database.reset()
        at = Deployed("lambda_dataapi", "--parameter", f"AllowedOrigin={allowed}", database=database)
        try:
            with Browser() as page:
                page.open(f"{allowed}/?api={at.url}")
                page.find("#id").type("7")
                page.find("#name").type("Ann\ue007")
                self.assertTrue(page.wait(lambda: page.rows() == [["7", "Ann"]]), page.find("#problem").text())
                page.open(f"{foreign}/?api={at.url}")
                self.assertTrue(page.wait(lambda: page.find("#problem").text() == "The API cannot be reached."), page.rows())
                page.find("#id").type("8")
                page.find("#name").type("Bob\ue007")
                self.assertTrue(page.wait(lambda: page.find("#problem").text() == "The API cannot be reached."))
                self.assertEqual(1, database.count())
        finally:
            at.close()
            for one in servers:
                one.shutdown()
                one.server_close()


if __name__ == "__main__":
    unittest.main()
