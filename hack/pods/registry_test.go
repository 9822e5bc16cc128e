package pods

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/node"
)

// puller is the user of the registry.
const puller = "puller"

// registry serves one image to one user (OCI distribution specification, pull only).
type registry struct {
	layout *node.Layout

	mutex    sync.Mutex
	password string
	// pulls counts manifests that were sent, refusals those that were not.
	pulls, refusals int
}

// startRegistry serves the image of applications on loopback, where containerd speaks plain HTTP. It gives the name of
// the image.
func (s *setup) startRegistry(password string) (served *registry, image string) {
	s.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	served = &registry{layout: s.Images.ApplicationLayout, password: password}
	server := &http.Server{Handler: served, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // Ends by Close.
	s.Cleanup(func() {
		if err := server.Close(); err != nil {
			s.Error(err)
		}
	})
	return served, listener.Addr().String() + "/application:1"
}

func (r *registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	manifest := strings.Contains(request.URL.Path, "/manifests/")
	if user, password, _ := request.BasicAuth(); user != puller || password != r.password {
		if manifest && user != "" {
			r.refusals++
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	digest, mediaType := request.URL.Path[strings.LastIndex(request.URL.Path, "/")+1:], "application/octet-stream"
	if manifest {
		digest, mediaType = r.layout.Manifest, node.MediaTypeManifest
		r.pulls++
	}
	content, found := r.layout.Blobs[digest]
	switch {
	case request.URL.Path == "/v2/":
	case !found:
		http.NotFound(w, request)
	default:
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		w.Header().Set("Docker-Content-Digest", digest)
		if request.Method == http.MethodGet {
			_, _ = w.Write(content) // An error means that the client is gone.
		}
	}
}

func (r *registry) counts() (pulls, refusals int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.pulls, r.refusals
}

func (r *registry) change(password string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.password = password
}

// TestImagePullSecret: the kubelet pulls with the synced password. After a rotation the application is restarted, and
// its new pod pulls with the new password.
func TestImagePullSecret(t *testing.T) {
	s := newSetup(t)
	password := newValue()
	served, image := s.startRegistry(password)
	id := s.createSecret("pull", `{"username": "`+puller+`", "password": "`+password+`"}`)
	host, _, _ := strings.Cut(image, "/")
	s.sync("pull", id, func(spec *v1alpha1.SecretSyncSpec) {
		spec.Template = &v1alpha1.Template{MergePolicy: v1alpha1.TemplateMergeReplace, Data: map[string]string{
			corev1.DockerConfigJsonKey: `{{ dockerConfigJson (dict "registry" "` + host + `" "username" .username "password" .password) }}`}}
		spec.Target.Type = string(corev1.SecretTypeDockerConfigJson)
	})
	value := newValue()
	s.sync("db", s.createSecret("db", value))
	s.awaitSynced(value)
	s.application("web", func(spec *appsv1.DeploymentSpec) {
		spec.Template.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "pull"}}
		spec.Template.Spec.Containers[0].Image, spec.Template.Spec.Containers[0].ImagePullPolicy = image, corev1.PullAlways
	})
	s.awaitRolledOut(s.namespace, "web")
	pulls, _ := served.counts()
	if pulls == 0 {
		t.Fatal("the image was not pulled")
	}
	first := s.applicationPods("web")[0].Name
	password = newValue()
	served.change(password)
	s.rotate(id, `{"username": "`+puller+`", "password": "`+password+`"}`)
	s.await("a new pod has pulled", func() bool {
		now, _ := served.counts()
		return now > pulls
	})
	s.awaitRestarted("pull", v1alpha1.ReasonRolledOut)
	s.awaitRolledOut(s.namespace, "web")
	if pods := s.applicationPods("web"); len(pods) != 1 || pods[0].Name == first {
		t.Errorf("%d pods run, or the first one", len(pods))
	}
	if _, refusals := served.counts(); refusals > 0 {
		t.Errorf("%d pulls were refused", refusals)
	}
}
