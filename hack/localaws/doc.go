// Package localaws is a local AWS Secrets Manager and STS: enough of their wire protocols and rules
// for the AWS SDKs and the aws command line, for demos and tests and for trying things out without
// an account.
//
// It keeps everything in memory and listens on loopback. Versions and staging labels, deletion
// windows, rotation in four steps and the texts of errors follow the AWS documentation. What the
// real services don't have it offers to tests: access rules, KMS keys that refuse, throttling,
// faults, and a count of calls.
//
// It imports the standard library alone, so that it can check what the SDK sends.
package localaws
