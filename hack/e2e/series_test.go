package e2e

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/events"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// TestEventsThatAreAlikeAreCounted: client-go combines similar events into a series, and patches it. Most events of the
// operator are for different resourceVersions and so are not similar; an event that is sent again after a conflict is.
func TestEventsThatAreAlikeAreCounted(t *testing.T) {
	s := newSetup(t)
	id, _ := s.createSecret("db", value())
	s.sync("db", v1alpha1.SecretSyncSpec{Source: v1alpha1.SecretSource{SecretID: id}})
	s.awaitReady("db")
	config, err := clientcmd.BuildConfigFromFlags("", s.env.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	operator, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: operator.EventsV1()})
	if err := broadcaster.StartRecordingToSinkWithContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer broadcaster.Shutdown()
	recorder := broadcaster.NewRecorder(scheme.Scheme, "secretsync")
	about := &corev1.ObjectReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: "SecretSync", Namespace: s.namespace, Name: "db", UID: s.get("db").UID}
	alike := func() []eventsv1.Event { return s.recorded("db", "Alike") }
	recorder.Eventf(about, nil, corev1.EventTypeNormal, "Alike", "Test", "told again")
	s.await("the event is there", func() bool { return len(alike()) == 1 })
	recorder.Eventf(about, nil, corev1.EventTypeNormal, "Alike", "Test", "told again")
	s.await("the event is a series", func() bool { return len(alike()) == 1 && alike()[0].Series != nil })
}
