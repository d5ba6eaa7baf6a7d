// What the programs share: where the server is, and the database of this run.
export const { ENDPOINT: endpoint, ENGINE: engine, RESOURCE_ARN: resourceArn, SECRET_ARN: secretArn, DATABASE: database, TABLE: table } = process.env;
export const postgresql = engine === "postgresql";
export const target = { resourceArn, secretArn };
export const options = { endpoint, region: "us-east-1", credentials: { accessKeyId: "test", secretAccessKey: "test" }, maxAttempts: 1 };
export const errorsEndpoint = process.env.ERRORS_ENDPOINT;
// What `errorsEndpoint` is asked for: one error of each class. Only the programs of the SDKs have them.
export const errors = (process.env.ERRORS?.split("\n") ?? []).map((line) => {
  const [name, status, operation, resourceArn, secretArn, transactionId, sql] = line.split("\t");
  return { name, status: Number(status), operation, resourceArn, secretArn, transactionId: transactionId || undefined, sql };
});
export const awkward = `Ünïcode, 日本語, 🚀, "quotes", it's \\ and :name ? $1 %s;`;
