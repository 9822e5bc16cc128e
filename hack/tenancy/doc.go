// Package tenancy tries each way in which the operator itself gets AWS credentials: the real manager as a
// process of its own, in the environment of static keys, IRSA, EKS Pod Identity or an instance's role,
// against a real control plane that signs tokens and a local AWS that checks signatures, tokens, trust
// policies and policies. Who may read what with which identity is tried by package tenants.
//
// It holds tests alone, and may import anything.
package tenancy
