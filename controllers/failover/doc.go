// Package failover reads replicas of a secret while the secret's region does not answer. It wraps a source.Source,
// and tries the regions of Ref.FailoverRegions when that source fails with RegionUnavailable. A refusal is an answer:
// it does not lead to failover.
//
// The home region of a secret is the one that is read without failover. A replica is used under two conditions:
//
//   - It is known to be a replica of the secret that was asked for, and not another secret of the same name. The
//     result has the ARN of the home region, so that a wrapper, as accesspolicy is, can decide by it.
//   - It is no step back: a version other than the synced one is used only if it is known to be newer.
//
// It may import package source, and Prometheus for its metrics.
package failover
