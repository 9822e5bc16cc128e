package tenancy

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
)

const byAgent = "AssumeRoleForPodIdentity"

// agent runs the EKS Pod Identity agent of the operator's node, and gives the environment variables that EKS's webhook
// sets in a pod.
func (s *setup) agent(associations map[string]string, tokenFile string) []string {
	serving := httptest.NewServer(s.env.AWS.PodIdentityAgent(localaws.PodIdentity{
		Cluster: "tests", Issuer: cluster.Issuer, Keys: cluster.Keys, Roles: associations}))
	s.Cleanup(serving.Close)
	return podIdentity(serving.URL, tokenFile)
}

func podIdentity(agent, tokenFile string) []string {
	return []string{noInstance, "AWS_STS_REGIONAL_ENDPOINTS=regional",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + agent + localaws.PodIdentityPath, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + tokenFile}
}

// association is the Pod Identity association of the operator's ServiceAccount.
func association() map[string]string {
	return map[string]string{testenv.OperatorNamespace + "/" + testenv.OperatorAccount: roleARN}
}

// TestPodIdentity: the operator gets credentials from the agent, by a token of its Pod. The token is replaced while the
// operator runs; the old one has expired when the new one is used.
func TestPodIdentity(t *testing.T) {
	s := newSetup(t, 3*time.Second)
	s.role(trustService(podService))
	pod, mounted := s.pod(), s.volume()
	mounted.write(s.token(podService, shortToken, pod))
	id, content := s.createSecret()
	s.start(s.agent(association(), mounted.file()))
	s.sync(id)
	s.awaitSynced(content)

	mounted.write(s.token(podService, longToken, pod))
	// The next call may already have read the first token, and must not be refused for that.
	s.awaitCalls(byAgent, len(s.calls(byAgent))+2)
	s.env.AWS.Shift(shortToken + time.Second) // The first token has expired, and all credentials with it.
	before := len(s.calls(byAgent))
	content = s.putValue(id)
	s.awaitSynced(content)
	s.awaitCalls(byAgent, before+2)

	read := s.calls("GetSecretValue")
	last := read[len(read)-1]
	if !strings.HasPrefix(last.SessionName, "eks-tests-"+pod.Name) || !strings.HasPrefix(last.Principal, assumedRole+"eks-tests-") {
		t.Errorf("the value was read by %s, in session %s", last.Principal, last.SessionName)
	}
	if last.SessionTags["kubernetes-namespace"] != testenv.OperatorNamespace || last.SessionTags["kubernetes-service-account"] != testenv.OperatorAccount {
		t.Errorf("the session has the tags %v", last.SessionTags)
	}
	if !strings.Contains(s.calls(byAgent)[0].UserAgent, "SecretSync/") {
		t.Errorf("the agent was called with the user agent %q", s.calls(byAgent)[0].UserAgent)
	}
}

// TestPodIdentityIsRefused: the condition has the agent's message, and what to check.
func TestPodIdentityIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		associations map[string]string
		// trusted is the service that may assume the role; token is mounted, unless it is empty.
		trusted  string
		token    func(s *setup, pod *corev1.Pod) string
		mentions []string
	}{
		"no association": {
			trusted:  podService,
			token:    func(s *setup, pod *corev1.Pod) string { return s.token(podService, longToken, pod) },
			mentions: []string{"ResourceNotFoundException", "the association of the operator's ServiceAccount"},
		},
		"a role that trusts another service": {
			associations: association(), trusted: instanceService,
			token:    func(s *setup, pod *corev1.Pod) string { return s.token(podService, longToken, pod) },
			mentions: []string{"AccessDeniedException", "the trust policy of the associated role", "sts:TagSession", "pods.eks.amazonaws.com"},
		},
		"a token that has expired": {
			associations: association(), trusted: podService,
			token: func(s *setup, pod *corev1.Pod) string {
				old := s.token(podService, shortToken, pod)
				s.env.AWS.Shift(shortToken + time.Second)
				return old
			},
			mentions: []string{"ExpiredTokenException", "let the kubelet renew the token"},
		},
		"a token that is not the Pod's": {
			associations: association(), trusted: podService,
			token:    func(s *setup, _ *corev1.Pod) string { return s.token(podService, longToken, nil) },
			mentions: []string{"InvalidTokenException", "the token of the operator's pod"},
		},
		"a token that is not mounted": {
			associations: association(), trusted: podService,
			token:    func(*setup, *corev1.Pod) string { return "" },
			mentions: []string{"token is mounted"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t, 0)
			s.role(trustService(test.trusted))
			pod, mounted := s.pod(), s.volume()
			if token := test.token(s, pod); token != "" {
				mounted.write(token)
			}
			id, _ := s.createSecret()
			s.start(s.agent(test.associations, mounted.file()))
			s.sync(id)
			s.awaitRefusal(v1alpha1.ReasonCredentialsUnavailable, append(test.mentions, "container credentials endpoint")...)
			if s.values() != nil {
				t.Error("something was written")
			}
		})
	}
}

// TestPodIdentityHeals: the agent starts later than the operator, as can happen when a node starts.
func TestPodIdentityHeals(t *testing.T) {
	s := newSetup(t, 0)
	s.role(trustService(podService))
	mounted := s.volume()
	mounted.write(s.token(podService, longToken, s.pod()))
	agent := httptest.NewUnstartedServer(s.env.AWS.PodIdentityAgent(localaws.PodIdentity{
		Cluster: "tests", Issuer: cluster.Issuer, Keys: cluster.Keys, Roles: association()}))
	defer agent.Close()
	id, content := s.createSecret()
	// The listener accepts connections, and no server answers them yet.
	s.start(podIdentity("http://"+agent.Listener.Addr().String(), mounted.file()))
	s.sync(id)
	s.awaitRefusal(v1alpha1.ReasonCredentialsUnavailable, "within", "EKS Pod Identity agent")
	agent.Start()
	s.awaitSynced(content)
}
