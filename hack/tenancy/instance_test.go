package tenancy

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// instance is the environment on an EC2 instance: no credentials, and here the address of the metadata service, which
// differs from the real one.
func (s *setup) instance(metadata http.Handler) []string {
	serving := httptest.NewServer(metadata)
	s.Cleanup(serving.Close)
	return []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + serving.URL}
}

// TestInstanceRole: without other credentials, the operator uses the role of the instance.
func TestInstanceRole(t *testing.T) {
	s := newSetup(t, 0)
	s.role(trustService(instanceService))
	id, content := s.createSecret()
	s.start(s.instance(s.env.AWS.InstanceMetadata(roleARN)))
	s.sync(id)
	s.awaitSynced(content)
	if by := s.calls("GetSecretValue"); by[len(by)-1].Principal != assumedRole+"i-0123456789abcdef0" {
		t.Errorf("the value was read by %s", by[len(by)-1].Principal)
	}
}

// TestInstanceRoleIsRefused: the condition distinguishes an instance without a role from one whose role EC2 may not
// assume.
func TestInstanceRoleIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		metadata func(s *setup) http.Handler
		mentions []string
	}{
		"an instance without a role": {
			metadata: func(*setup) http.Handler { return http.NotFoundHandler() },
			mentions: []string{"the operator has no AWS credentials", "eks.amazonaws.com/role-arn"},
		},
		"a role that EC2 may not assume": {
			metadata: func(s *setup) http.Handler { return s.env.AWS.InstanceMetadata(roleARN) },
			mentions: []string{"AssumeRoleUnauthorizedAccess", "trust policy", "ec2.amazonaws.com"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t, 0)
			s.role(trustService(podService))
			id, _ := s.createSecret()
			s.start(s.instance(test.metadata(s)))
			s.sync(id)
			s.awaitRefusal(v1alpha1.ReasonCredentialsUnavailable, test.mentions...)
			if s.values() != nil {
				t.Error("something was written")
			}
		})
	}
}
