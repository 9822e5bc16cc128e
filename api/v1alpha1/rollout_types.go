package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RestartPolicy says which workloads are restarted.
// +kubebuilder:validation:Enum=Auto;Listed;Never
type RestartPolicy string

const (
	// RestartAuto restarts every workload in the namespace that uses the Secret.
	RestartAuto RestartPolicy = "Auto"
	// RestartListed restarts the workloads that are listed.
	RestartListed RestartPolicy = "Listed"
	// RestartNever restarts no workload.
	RestartNever RestartPolicy = "Never"
)

// Rollout says which workloads to restart when the content of the Secret changes, and how. The first sync restarts
// nothing. A write that does not change the content restarts nothing either.
//
// +kubebuilder:validation:XValidation:rule="has(self.workloads) == (has(self.restart) && self.restart == 'Listed')",message="restart: Listed needs workloads, and workloads need restart: Listed"
type Rollout struct {
	// restart is Auto, Listed or Never. Default: Auto if the operator is installed with the permission to restart
	// workloads, else Never.
	// +optional
	Restart RestartPolicy `json:"restart,omitempty"`

	// workloads are the workloads to restart, in this order. They are required with restart: Listed, and not allowed
	// otherwise.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Workloads []WorkloadReference `json:"workloads,omitempty"`

	// ignoreKeys are keys whose change needs no restart; "*" matches any characters. Default: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	IgnoreKeys []string `json:"ignoreKeys,omitempty"`

	// delay is how long to wait after the Secret was written, for servers that accept the new password only after some
	// time. Between 0s and 24h. Default: 0s, in addition to the few seconds in which changes of several Secrets are
	// collected.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ms|s|m|h))+)$`
	// +kubebuilder:validation:XValidation:rule="self == '0' || duration(self) <= duration('24h')",message="rollout.delay must be at most 24h"
	Delay *metav1.Duration `json:"delay,omitempty"`

	// maxConcurrent is how many workloads restart at the same time. The next workload restarts when one of them has
	// rolled out. After one has failed, no other is restarted. Default: 3.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	MaxConcurrent *int32 `json:"maxConcurrent,omitempty"`
}

// WorkloadReference names a workload in the namespace of the SecretSync.
type WorkloadReference struct {
	// kind is Deployment, StatefulSet, DaemonSet, or Rollout for a Rollout of Argo Rollouts.
	// +required
	// +kubebuilder:validation:Enum=Deployment;StatefulSet;DaemonSet;Rollout
	Kind string `json:"kind,omitempty"`

	// name is the name of the workload.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// RotationExpectations are what a user expects of the rotation.
type RotationExpectations struct {
	// maxAge is the maximum age of the value of a secret, whether AWS rotates the secret or not. With an older value
	// the condition RotationHealthy is False with the reason RotationTooOld. Between 1h and 87600h (ten years).
	// Default: no limit.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1h') && duration(self) <= duration('87600h')",message="rotation.maxAge must be between 1h and 87600h"
	MaxAge *metav1.Duration `json:"maxAge,omitempty"`
}
