// Package localaws is a local AWS Secrets Manager, STS, SQS and, for roles, IAM: enough of their wire protocols and rules
// for the AWS SDKs and the aws command line, for demos and tests and for trying things out without
// an account.
//
// It keeps everything in memory and listens on loopback. Versions and staging labels, deletion
// windows, rotation in four steps and the texts of errors follow the AWS documentation. For tests, it has
// features that the real services lack: access rules, KMS keys that refuse, throttling, faults, regions that
// are down, replicas that lag, stale reads, and a count of calls.
//
// Changes become events like those of CloudTrail and EventBridge, which a rule sends to a queue (AddQueue,
// AddEventRule). A test can delay, double, reorder or drop them (SetDelivery).
//
// Any caller may do everything, with any access key, until the server has identities. From the first IAM user,
// role or OIDC provider on, it checks signatures and web identity tokens, and policies decide (AddUser, AddRole,
// AddOIDCProvider). An EKS Pod Identity agent and an instance's metadata service issue credentials of its roles
// (PodIdentityAgent, InstanceMetadata). Package iam has the policy engine; sigv4 and webtoken check signatures.
//
// It imports the standard library alone, so that nothing of the SDK checks what the SDK sends.
package localaws
