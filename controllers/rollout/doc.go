// Package rollout restarts the workloads that use a Secret, once for each change of its content.
//
// State is kept in memory only: annotations on a workload's pod template say for which content it was restarted, and
// its status says how far the restart is. So a step may be repeated, also by another process, and nothing restarts
// twice. Workloads are listed while a restart is pending, and never watched.
//
// The package may import api/v1alpha1, and the Kubernetes API's types and client. It knows nothing of AWS, of where the
// content comes from, and of the reconciler.
package rollout
