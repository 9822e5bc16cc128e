package eks

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strconv"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/node"
)

// Annotations of a ServiceAccount for IRSA (repository aws/amazon-eks-pod-identity-webhook, README).
const (
	RoleAnnotation       = "eks.amazonaws.com/role-arn"
	ExpirationAnnotation = "eks.amazonaws.com/token-expiration"

	defaultExpiration = 24 * 60 * 60
)

// grant is how a pod gets credentials.
type grant struct {
	// volume, directory and file are where the token is in the pod.
	volume, directory, file string
	audience                string
	expiration              int64
	// variables are those of the SDK, besides the region; fileVariable names the token's file.
	variables    map[string]string
	fileVariable string
}

// irsa is what the webhook does for a ServiceAccount with the annotation of a role.
func irsa(role string, expiration int64) grant {
	return grant{
		volume: "aws-iam-token", directory: "/var/run/secrets/eks.amazonaws.com/serviceaccount", file: "token",
		audience: "sts.amazonaws.com", expiration: expiration,
		variables: map[string]string{"AWS_ROLE_ARN": role}, fileVariable: "AWS_WEB_IDENTITY_TOKEN_FILE",
	}
}

// podIdentity is what the webhook does for a ServiceAccount with an association.
func podIdentity() grant {
	return grant{
		volume: "eks-pod-identity-token", directory: "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount", file: "eks-pod-identity-token",
		audience: "pods.eks.amazonaws.com", expiration: defaultExpiration,
		variables:    map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://" + node.PodIdentityAddress + localaws.PodIdentityPath},
		fileVariable: "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	}
}

// webhook mutates pods as they are created.
type webhook struct {
	clients      kubernetes.Interface
	associations map[string]string
}

// ServeHTTP answers an AdmissionReview.
func (h webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil || review.Request == nil {
		http.Error(w, "an AdmissionReview is wanted", http.StatusBadRequest)
		return
	}
	answer := &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	patch, err := h.patch(r.Context(), review.Request)
	if err != nil {
		answer.Allowed, answer.Result = false, &metav1.Status{Message: err.Error()}
	}
	if patch != nil {
		kind := admissionv1.PatchTypeJSONPatch
		answer.Patch, answer.PatchType = patch, &kind
	}
	review.Request, review.Response = nil, answer
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(review) // An error means that the API server is gone.
}

// patch is a JSON patch of a pod; nil if its ServiceAccount has no role.
func (h webhook) patch(ctx context.Context, request *admissionv1.AdmissionRequest) ([]byte, error) {
	var pod corev1.Pod
	if err := json.Unmarshal(request.Object.Raw, &pod); err != nil {
		return nil, err
	}
	name := pod.Spec.ServiceAccountName
	if name == "" {
		name = "default"
	}
	account, err := h.clients.CoreV1().ServiceAccounts(request.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	var given grant
	switch role := account.Annotations[RoleAnnotation]; {
	case role != "":
		expiration := int64(defaultExpiration)
		if wanted := account.Annotations[ExpirationAnnotation]; wanted != "" {
			if expiration, err = strconv.ParseInt(wanted, 10, 64); err != nil {
				return nil, fmt.Errorf("annotation %s: %w", ExpirationAnnotation, err)
			}
		}
		given = irsa(role, expiration)
	case h.associations[request.Namespace+"/"+name] != "":
		given = podIdentity()
	default:
		return nil, nil
	}
	given.mutate(&pod.Spec)
	return json.Marshal([]map[string]any{{"op": "replace", "path": "/spec", "value": pod.Spec}})
}

// mutate adds the volume of the token, its mounts and the environment variables.
func (g grant) mutate(pod *corev1.PodSpec) {
	pod.Volumes = append(pod.Volumes, corev1.Volume{Name: g.volume, VolumeSource: corev1.VolumeSource{
		Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{
			ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: g.audience, ExpirationSeconds: &g.expiration, Path: g.file},
		}}},
	}})
	for i := range pod.Containers {
		container := &pod.Containers[i]
		container.VolumeMounts = append(container.VolumeMounts, corev1.VolumeMount{Name: g.volume, MountPath: g.directory, ReadOnly: true})
		add := func(name, value string) {
			container.Env = append(container.Env, corev1.EnvVar{Name: name, Value: value})
		}
		add("AWS_STS_REGIONAL_ENDPOINTS", "regional")
		add("AWS_DEFAULT_REGION", localaws.DefaultRegion)
		add("AWS_REGION", localaws.DefaultRegion)
		for name, value := range g.variables {
			add(name, value)
		}
		add(g.fileVariable, path.Join(g.directory, g.file))
	}
}
