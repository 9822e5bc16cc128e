// Package tenancy tests each way in which the operator itself gets AWS credentials: the real manager as a
// process of its own, in the environment of static keys, IRSA, EKS Pod Identity or an instance's role,
// against a real control plane that signs tokens and a local AWS that checks signatures, tokens, trust
// policies and policies. Package tenants tests which identity may read what.
//
// It holds tests alone, and may import anything.
package tenancy
