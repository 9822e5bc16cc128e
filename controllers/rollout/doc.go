// Package rollout restarts the workloads that use a Secret, once for each change of its content.
//
// Nothing is kept but in memory: the pod template of a workload says which content it was restarted for, and
// its status how that goes. So a step may be taken twice, by another process too, and nothing restarts twice.
// Workloads are listed while a restart is pending, and never watched.
//
// It may import api/v1alpha1, and the Kubernetes API's types and client. It knows nothing of AWS, of where the
// content comes from, and of the reconciler.
package rollout
