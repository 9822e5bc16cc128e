package pods

import (
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/hack/testenv"
)

// TestPodIdentityOnANode: with an association instead of an annotation, the pod gets its credentials from the agent, at
// the address that the agent has on EKS.
func TestPodIdentityOnANode(t *testing.T) {
	s := newSetup(t, "--set", `serviceAccount.annotations.eks\.amazonaws\.com/role-arn=`, "--set", "serviceAccount.name="+byPodIdentity)
	began, value := time.Now(), newValue()
	s.sync("db", s.createSecret("db", value))
	s.awaitSynced(value)
	read := s.calls("GetSecretValue", began)
	if len(read) == 0 || !strings.HasPrefix(read[0].SessionName, "eks-tests-secretsync") {
		t.Fatalf("the value was read by %+v", read)
	}
	tags := read[0].SessionTags
	if tags["kubernetes-service-account"] != byPodIdentity || tags["kubernetes-pod-name"] != s.operator().Name || tags["kubernetes-namespace"] != testenv.OperatorNamespace {
		t.Errorf("the session has the tags %v", tags)
	}
}

const (
	// tokenLifetime is the shortest lifetime that API servers give. The kubelet replaces a token when a fifth of it is left.
	tokenLifetime = 10 * time.Minute
	// sessionLifetime is how long sessions of roles last here, so that the operator assumes its role again and again.
	sessionLifetime = 2 * time.Minute
)

// TestTokenIsRotated: the kubelet replaces the token while the operator runs. Later sessions are assumed with the new
// one, and no call is refused. It takes nine minutes, so it runs only on request.
func TestTokenIsRotated(t *testing.T) {
	if !long() {
		t.Skip("takes nine minutes on a node, as the kubelet replaces a token after eight: make test-node LONG=1")
	}
	s := newSetup(t)
	value := newValue()
	id := s.createSecret("db", value)
	s.sync("db", id)
	s.awaitSynced(value)
	pod := s.operator()
	pid := s.process(pod)
	const token = "root/var/run/secrets/eks.amazonaws.com/serviceaccount/token"
	first := readProc(t, pid, token)
	for end := time.Now().Add(tokenLifetime); readProc(t, pid, token) == first; time.Sleep(time.Second) {
		if time.Now().After(end) {
			t.Fatal("the kubelet did not replace the token")
		}
	}
	t.Log("the kubelet has replaced the token", time.Since(pod.Status.StartTime.Time).Round(time.Second), "after the pod's start")
	began := time.Now()
	// For AWS it is so much later that the first token has expired, and all sessions that were assumed with it. The new token
	// has not: it was issued after four fifths of the first one's lifetime.
	const later = tokenLifetime / 2
	s.aws.Shift(later)
	defer s.aws.Shift(-later)
	value = newValue()
	s.rotate(id, value)
	s.awaitSynced(value)
	s.await("the role was assumed again", func() bool { return len(s.calls("AssumeRoleWithWebIdentity", began)) > 0 })
	for _, call := range s.calls("AssumeRoleWithWebIdentity", began) {
		if call.Code != "" {
			t.Errorf("the token was refused with %s", call.Code)
		}
	}
	if again := s.operator(); again.Name != pod.Name || again.Status.ContainerStatuses[0].RestartCount != pod.Status.ContainerStatuses[0].RestartCount {
		t.Error("the operator was restarted")
	}
}
