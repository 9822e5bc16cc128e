// Package restore tries what a restore of etcd from a backup does to an operator that runs, to one that is started
// after it, and to SecretSyncs whose Secret was restored without them, or they without it: a real etcd, whose data is
// put back, and the real manager.
//
// It holds tests alone, and may import anything.
package restore
