// Package localaws is a local AWS Secrets Manager, STS and SQS: enough of their wire protocols and rules
// for the AWS SDKs and the aws command line, for demos and tests and for trying things out without
// an account.
//
// It keeps everything in memory and listens on loopback. Versions and staging labels, deletion
// windows, rotation in four steps and the texts of errors follow the AWS documentation. What the
// real services don't have it offers to tests: access rules, KMS keys that refuse, throttling,
// faults, regions that are down, replicas that lag, reads that are stale, and a count of calls.
//
// Changes become events as CloudTrail and EventBridge make them, which a rule brings to a queue (AddQueue,
// AddEventRule): late, doubled, out of order or not at all, if a test wants that (SetDelivery).
//
// Whoever calls may do everything, under whatever access key, until the server is told of identities: from
// the first IAM user, role or OIDC provider on it checks signatures and web identity tokens, and lets
// policies decide (AddUser, AddRole, AddOIDCProvider). An EKS Pod Identity agent and an instance's metadata
// service hand out credentials of its roles (PodIdentityAgent, InstanceMetadata). Package iam holds the
// policy engine; sigv4 and webtoken check signatures.
//
// It imports the standard library alone, so that nothing of the SDK checks what the SDK sends.
package localaws
