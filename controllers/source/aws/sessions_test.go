package aws

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/source"
)

// forms keeps what STS is asked for.
type forms struct {
	mutex sync.Mutex
	sent  []url.Values
	// signatures are what the requests were signed with, empty without a signature.
	signatures []string
}

func (f *forms) Do(request *http.Request) (*http.Response, error) {
	content, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	if form, err := url.ParseQuery(string(content)); err == nil && form.Has("RoleArn") {
		f.mutex.Lock()
		f.sent, f.signatures = append(f.sent, form), append(f.signatures, request.Header.Get("Authorization"))
		f.mutex.Unlock()
	}
	request.Body = io.NopCloser(bytes.NewReader(content))
	return http.DefaultClient.Do(request)
}

// members are those of a list in a form, sorted.
func members(form url.Values, of string) (values []string) {
	for name, value := range form {
		if strings.HasPrefix(name, of+".member.") && !strings.HasSuffix(name, ".Value") {
			values = append(values, value...)
		}
	}
	slices.Sort(values)
	return values
}

// The external id is for the role that reads, the last of a chain, and no other role's owner is told it. The tags are for the
// first, and transitive: all roles have them, and none can be given others.
func TestWhatEachRoleOfAChainIsTold(t *testing.T) {
	env := newEnvironment(t)
	sent := &forms{}
	s, _ := env.withAccounts(t, Options{SessionTags: true, LoadOptions: []func(*config.LoadOptions) error{config.WithHTTPClient(sent)}})
	tags := []string{"kubernetes-cluster", "kubernetes-namespace"}
	for name, who := range map[string]source.Identity{
		"the operator":     {Namespace: "pay", RoleARN: payRole, Via: hubRole + " " + webRole, ExternalID: "e-1"},
		"a ServiceAccount": {Namespace: "pay", ServiceAccount: "app", RoleARN: payRole, Via: hubRole + " " + webRole, ExternalID: "e-1"},
	} {
		sent.sent = nil
		if _, err := s.Resolve(t.Context(), as(who)); source.KindOf(err) != source.SecretNotFound {
			t.Fatal(err)
		}
		steps, want := sent.sent, tags
		if who.ServiceAccount != "" {
			if len(steps) == 0 || steps[0].Has("ExternalId") || steps[0].Get("Action") != "AssumeRoleWithWebIdentity" {
				t.Fatalf("%s: the ServiceAccount's role is told an external id, or not asked for first", name)
			}
			steps, want = steps[1:], append(slices.Clone(tags), "kubernetes-service-account")
		}
		if len(steps) != 3 {
			t.Fatalf("%s: %d roles are assumed", name, len(steps))
		}
		for n, role := range []string{hubRole, webRole, payRole} {
			external, tagged := "", []string(nil)
			if n == 0 {
				tagged = want
			}
			if n == 2 {
				external = "e-1"
			}
			t.Run(fmt.Sprintf("%s, role %d", name, n), func(t *testing.T) { isTold(t, steps[n], role, external, tagged) })
		}
	}
}

// isTold wants a request for a role to have an external id, or none where that is empty, and tags that are all transitive.
func isTold(t *testing.T, form url.Values, role, external string, tagged []string) {
	t.Helper()
	if form.Get("RoleArn") != role || form.Get("ExternalId") != external || form.Has("ExternalId") != (external != "") || form.Get("DurationSeconds") != "3600" {
		t.Errorf("it is %s, with the external id %q, for %s seconds", form.Get("RoleArn"), form.Get("ExternalId"), form.Get("DurationSeconds"))
	}
	for list, got := range map[string][]string{"Tags": members(form, "Tags"), "TransitiveTagKeys": members(form, "TransitiveTagKeys")} {
		if diff := cmp.Diff(tagged, got); diff != "" {
			t.Errorf("%s differ (-want +got):\n%s", list, diff)
		}
	}
}
