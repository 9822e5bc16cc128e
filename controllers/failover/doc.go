// Package failover reads replicas while the region of a secret does not answer: it stands before a
// source.Source, and goes to source.Ref's FailoverRegions where that says RegionUnavailable. A refusal is an
// answer, and is not got round.
//
// A replica is read under two conditions. It is known to be one, of the secret that was asked for, and not
// another secret of its name: so that whoever stands before this room, as package accesspolicy does, may judge by the
// ARN in the secret's own region, which is what is answered with. And it is no step back: a version other
// than the synced one is taken only if it is known to be newer.
//
// It may import package source, and Prometheus for its metrics.
package failover
