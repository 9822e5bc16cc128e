package tenancy

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// TestCredentialsThatCannotBeSent: a variable that ends in a line break is not reported as an outage of AWS. The
// message names the variable and what is wrong with it, without the value, and AWS is not called.
func TestCredentialsThatCannotBeSent(t *testing.T) {
	s := newSetup(t, 0)
	secretAccessKey := s.hide(rand.Text())
	s.user(secretAccessKey, s.reading())
	id, _ := s.createSecret()
	s.start([]string{noInstance, "AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretAccessKey + "\n"})
	s.sync(id)
	s.awaitRefusal(v1alpha1.ReasonCredentialsUnavailable, "environment variable AWS_SECRET_ACCESS_KEY ends in a line break", "AWS was not asked")
	if calls := s.calls("DescribeSecret"); len(calls) > 0 {
		t.Errorf("AWS was called: %+v", calls)
	}
}

// TestAProxyThatRefuses: the message names the proxy by host and port alone, and the log has the cause as a detail.
func TestAProxyThatRefuses(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) }))
	defer proxy.Close()
	s := newSetup(t, 0)
	password := s.hide(rand.Text())
	address := strings.TrimPrefix(proxy.URL, "http://")
	id, _ := s.createSecret()
	s.env.Variables = []string{"AWS_ENDPOINT_URL=", "HTTPS_PROXY=http://operator:" + password + "@" + address, "NO_PROXY="}
	manager := s.start(keys(s.hide(rand.Text())))
	s.sync(id)
	s.awaitRefusal(v1alpha1.ReasonRegionUnavailable, "secretsmanager.eu-west-1.amazonaws.com could not be reached (proxy "+address, "HTTP status 407", "HTTPS_PROXY")
	testsuite.Await(t, "the log has the cause", func() bool {
		said, err := manager.Log()
		return err == nil && strings.Contains(string(said), "reading the source failed") && strings.Contains(string(said), "answered CONNECT with HTTP status 407")
	}, s.picture)
}
