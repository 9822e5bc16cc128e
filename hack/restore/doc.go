// Package restore tests what a restore of etcd from a backup does to an operator that runs, to one that is started
// after it, and to SecretSyncs whose Secret was restored without them, or they without it. It restores the data of a
// real etcd under the real manager.
//
// It holds tests alone, and may import anything.
package restore
