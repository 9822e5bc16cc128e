// Package pods tests SecretSync as users run it: the image, installed by the chart, as a pod on a real node, with a token
// that the kubelet mounts; and applications that use the Secrets. The node is hack/node, and the local AWS checks the
// tokens by the cluster's keys. Without a node, which only make test-node starts, every test is skipped.
//
// It holds tests alone, and may import anything.
package pods
