// The stock JavaScript client against the Lambda API: one line of JSON with what it saw.
import { createRequire } from "node:module";
const require = createRequire(process.argv[2] + "/");
const { InvokeCommand, InvokeWithResponseStreamCommand, LambdaClient, ListFunctionsCommand } = require("@aws-sdk/client-lambda");

const client = new LambdaClient({ endpoint: process.argv[3], region: "us-east-1", credentials: { accessKeyId: "test", secretAccessKey: "test" }, maxAttempts: 1 });
const text = (bytes) => new TextDecoder().decode(bytes);
const seen = {};

const good = await client.send(new InvokeCommand({ FunctionName: "probe", Payload: JSON.stringify({ a: "ä" }), LogType: "Tail" }));
seen.payload = text(good.Payload);
seen.version = good.ExecutedVersion;
seen.log = Buffer.from(good.LogResult, "base64").toString().includes("REPORT RequestId: " + good.$metadata.requestId);

const failed = await client.send(new InvokeCommand({ FunctionName: "probe", Payload: '"error"' }));
seen.error = [failed.FunctionError, JSON.parse(text(failed.Payload)).errorMessage];

try {
  await client.send(new InvokeCommand({ FunctionName: "none-such", Payload: "1" }));
} catch (error) {
  seen.missing = [error.name, error.$metadata.httpStatusCode];
}
try {
  await client.send(new InvokeCommand({ FunctionName: "none", Payload: "1" }));
} catch (error) {
  seen.throttled = [error.name, error.Reason];
}

let streamed = "";
const stream = await client.send(new InvokeWithResponseStreamCommand({ FunctionName: "probe", Payload: '"streamed"' }));
for await (const event of stream.EventStream) {
  if (event.PayloadChunk) streamed += text(event.PayloadChunk.Payload);
}
seen.streamed = streamed;
seen.names = (await client.send(new ListFunctionsCommand({}))).Functions.map((one) => one.FunctionName);
console.log(JSON.stringify(seen));
