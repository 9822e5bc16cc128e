package aws

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/secretsync/secretsync/controllers/source"
	"github.com/secretsync/secretsync/controllers/source/aws/identity"
	"github.com/secretsync/secretsync/hack/localaws"
)

func TestTheUserAgentSaysWhoReads(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	if _, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current("db")}); err != nil {
		t.Fatal(err)
	}
	agent := env.Calls()[0].UserAgent
	for _, part := range []string{"SecretSync/1.2.3", "kubernetes-cluster/prod-eu-1", "kubernetes-namespace/payments", "kubernetes-secretsync/db"} {
		if !strings.Contains(agent, part) {
			t.Errorf("the user agent %q has no %q", agent, part)
		}
	}
	env.ResetCalls()
	ref := current("db")
	ref.Reader = source.Reader{Namespace: "other\r\nX-Evil: 1", Name: "name"}
	if _, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: ref}); err != nil {
		t.Fatal(err)
	}
	agent = env.Calls()[0].UserAgent
	if !strings.Contains(agent, "kubernetes-namespace/other--X-Evil--1") || strings.Contains(agent, "payments") {
		t.Errorf("the user agent is %q", agent)
	}
}

// What CloudTrail keeps of a user agent has its bounds, and a part that is not known is left out.
func TestTheUserAgentHasNothingThatIsUnknownOrTooLong(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	for name, test := range map[string]struct {
		cluster string
		reader  source.Reader
		want    string
	}{
		"a long name":   {strings.Repeat("c", maxClusterShown+1), current("db").Reader, " kubernetes-cluster/" + strings.Repeat("c", 128) + " kubernetes-namespace/payments kubernetes-secretsync/db"},
		"no cluster":    {"", current("db").Reader, " kubernetes-namespace/payments kubernetes-secretsync/db"},
		"nothing known": {"", source.Reader{}, ""},
	} {
		env.source.options.Cluster = test.cluster
		env.ResetCalls()
		ref := current("db")
		ref.Reader = test.reader
		if _, err := env.source.Fetch(t.Context(), ref, source.Version{}); err != nil {
			t.Fatal(err)
		}
		agent := env.Calls()[0].UserAgent
		if from := strings.Index(agent, " kubernetes-"); from < 0 != (test.want == "") || from >= 0 && !strings.HasPrefix(agent[from:], test.want) {
			t.Errorf("%s: the user agent of %s is %q", name, env.Calls()[0].Operation, agent)
		}
	}
}

func TestTheRegionIsTheRefsThenTheARNsThenTheDefault(t *testing.T) {
	const arn = "arn:aws:secretsmanager:ap-south-1:111122223333:secret:db-a1B2c3"
	s := &Source{config: aws.Config{Region: "eu-west-1"}}
	s.setRegions()
	for name, test := range map[string]struct {
		ref  source.Ref
		want string
	}{
		"its own":                      {source.Ref{SecretID: arn, Region: "us-east-1"}, "us-east-1"},
		"the ARN's":                    {source.Ref{SecretID: arn}, "ap-south-1"},
		"the default":                  {source.Ref{SecretID: "db"}, "eu-west-1"},
		"the default for a short ARN":  {source.Ref{SecretID: "arn:aws:secretsmanager:ap-south-1"}, "eu-west-1"},
		"the default for a name alike": {source.Ref{SecretID: "x:aws:secretsmanager:ap-south-1:1:secret:n"}, "eu-west-1"},
	} {
		if got, err := s.regionOf(test.ref); err != nil || got != test.want {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	_, err := (&Source{}).regionOf(source.Ref{SecretID: "db"})
	if source.KindOf(err) != source.Failed || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("without any region: %v", err)
	}
}

func TestACallIsSignedForItsRegion(t *testing.T) {
	env := newEnvironment(t)
	for _, region := range []string{"eu-west-1", "us-east-1", "eu-west-1"} {
		ref := current("db")
		ref.Region = region
		_, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: ref})
		if source.KindOf(err) != source.SecretNotFound || !strings.Contains(err.Error(), "in "+region) {
			t.Errorf("got %v", err)
		}
	}
	var regions []string
	for _, call := range env.Calls() {
		regions = append(regions, call.Region)
	}
	if diff := cmp.Diff([]string{"eu-west-1", "us-east-1", "eu-west-1"}, regions); diff != "" {
		t.Errorf("regions differ (-want +got):\n%s", diff)
	}
	if env.endpoints() != 2 {
		t.Errorf("%d clients for two regions", env.endpoints())
	}
}

func TestTroubleIsNotRetriedHere(t *testing.T) {
	for name, test := range map[string]struct {
		fault   localaws.Fault
		want    source.Kind
		mention string
	}{
		"throttling":       {localaws.Fault{Every: 1, Code: "ThrottlingException"}, source.Throttled, "throttles DescribeSecret in eu-west-1"},
		"an outage":        {localaws.Fault{Every: 1}, source.RegionUnavailable, "InternalServiceError"},
		"a cut connection": {localaws.Fault{Every: 1, Cut: true}, source.RegionUnavailable, "the connection was cut"},
		"a 503":            {localaws.Fault{Every: 1, Code: "SomethingElse", Status: 503}, source.RegionUnavailable, "HTTP status 503"},
		"silence":          {localaws.Fault{Hang: true}, source.RegionUnavailable, "no answer within 200ms"},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnvironment(t)
			if test.fault.Hang { // The others answer, and a busy machine takes its time.
				env.source.options.CallTimeout = 200 * time.Millisecond
			}
			env.SetFaults(test.fault)
			_, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
			if source.KindOf(err) != test.want || !strings.Contains(err.Error(), test.mention) {
				t.Errorf("got %v", err)
			}
			if host := strings.TrimPrefix(env.URL(), "http://"); test.want == source.RegionUnavailable && !strings.Contains(err.Error(), host) {
				t.Errorf("%v does not name the host %s", err, host)
			}
			if _, again := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current("db")}); again.Error() != err.Error() {
				t.Errorf("the explanation changed from %v to %v", err, again)
			}
			if got := env.counted(t, "DescribeSecret", string(test.want), "eu-west-1"); got != 2 || env.Count("DescribeSecret") > 2 {
				t.Errorf("%v calls are counted and %d arrived, want 2", got, env.Count("DescribeSecret"))
			}
		})
	}
}

// What AWS throttles is paced from then on, each operation by itself. A question whose turn is too far off is put off, and
// AWS is not asked.
func TestThrottlingPacesTheOperationThatIsThrottled(t *testing.T) {
	env := newEnvironment(t)
	env.SetFaults(localaws.Fault{Operation: describeSecret, Every: 1, Code: "ThrottlingException"})
	_, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
	mustMention(t, err, source.Throttled)
	paces := ownEndpoint(env.source).paces
	if !paces[describeSecret].Limited() || paces[getSecretValue].Limited() {
		t.Fatal("the operation is not paced, or another one is")
	}
	takeTurns(t, paces[describeSecret], 10) // The clock stands still: once some turns are taken the next is too far off.
	env.ResetCalls()
	_, err = env.source.Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
	mustMention(t, err, source.Busy)
	if asked := env.operations(); len(asked) != 0 {
		t.Errorf("AWS was asked for %v", asked)
	}
}

// A refusal of credentials that is kept is no call: it is not counted, and says the same of the one who asks.
func TestAKeptRefusalOfCredentialsIsNoCall(t *testing.T) {
	env := newEnvironment(t)
	env.SetRules(localaws.Rule{Deny: true, Action: "sts:*"})
	s, _ := env.withAccounts(t, Options{})
	query := as(account("pay"))
	query.MaxAge = time.Minute
	_, first := s.Resolve(t.Context(), query)
	mustMention(t, first, source.AssumeRoleDenied, "ServiceAccount pay/app")
	for range 3 {
		if _, err := s.Resolve(t.Context(), query); err == nil || err.Error() != first.Error() {
			t.Errorf("it is said that %v, and not any more that %v", err, first)
		}
	}
	if got := env.counted(t, describeSecret, string(source.AssumeRoleDenied), localaws.DefaultRegion); got != 1 {
		t.Errorf("%v calls are counted", got)
	}
}

// A session that was revoked costs the call that finds it out, and no question is answered with the refusal of it.
func TestACallWithCredentialsThatAWSRefusesIsMadeAgainAtOnce(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	env.strict(t)
	env.role(t, "hub", testReader, `"sts:AssumeRole"`, "")
	s := env.again(t, Options{})
	if _, err := s.Resolve(t.Context(), as(onTop(hubRole))); err != nil {
		t.Fatal(err)
	}
	if err := env.RevokeSessions(hubRole); err != nil {
		t.Fatal(err)
	}
	env.now = env.now.Add(31 * time.Second)
	env.ResetCalls()
	if _, err := s.Resolve(t.Context(), as(onTop(hubRole))); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{describeSecret, "AssumeRole", describeSecret}, env.operations()); diff != "" {
		t.Errorf("calls differ (-want +got):\n%s", diff)
	}
}

// The operator's own role is that of its own calls alone.
func TestTheOperatorsRoleIsNotTakenForAnothers(t *testing.T) {
	s := newEnvironment(t).irsa(t, valid(t))
	for who, want := range map[source.Identity]string{{}: testRole, account("pay"): ""} {
		e := s.tenants.endpoint(endpointKey{identity.Actor{Identity: who}, localaws.DefaultRegion})
		if c := e.signs(apiCall{}); c.Role != want || c.OwnRole != testRole || c.By != who {
			t.Errorf("%v asks with role %q", c.By, c.Role)
		}
	}
}

func TestTheCallersContextEndsTheWait(t *testing.T) {
	env := newEnvironment(t)
	env.SetFaults(localaws.Fault{Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := env.source.Resolve(ctx, source.VersionQuery{Ref: current("db")}); !errors.Is(err, context.DeadlineExceeded) || source.KindOf(err) != "" {
		t.Errorf("got %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := env.source.Fetch(ctx, current("db"), source.Version{}); !errors.Is(err, context.Canceled) || source.KindOf(err) != "" {
		t.Errorf("got %v", err)
	}
	if got := env.counted(t, "GetSecretValue", outcomeCancelled, "eu-west-1"); got != 1 {
		t.Errorf("%v cancelled calls are counted", got)
	}
}

func TestARequestThatCannotBeMadeIsNoOutage(t *testing.T) {
	env := newEnvironment(t)
	unset(t, "AWS_ENDPOINT_URL")
	ref := current("db")
	ref.Region = "not a region"
	s, err := New(t.Context(), Options{Region: "eu-west-1", AdditionalRegions: []string{ref.Region}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Resolve(t.Context(), source.VersionQuery{Ref: ref})
	if source.KindOf(err) != source.Failed || !strings.Contains(err.Error(), "not a region") || !strings.Contains(err.Error(), "correct the region") {
		t.Errorf("got %v", err)
	}
	if env.Count("") != 0 {
		t.Error("something was asked")
	}
}

func TestCertificatesOfOnesOwnAreTrustedByTheSDKsVariable(t *testing.T) {
	server := httptest.NewTLSServer(&localaws.Server{})
	defer server.Close()
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // It complains of the handshake that is meant to fail.
	isolate(t, server.URL)
	_, err := freshSource(t).Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
	if source.KindOf(err) != source.RegionUnavailable || !strings.Contains(err.Error(), "signed by an unknown authority (O=Acme Co)") {
		t.Errorf("without AWS_CA_BUNDLE: %v", err)
	}
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(bundle, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	if _, err := freshSource(t).Resolve(t.Context(), source.VersionQuery{Ref: current("db")}); source.KindOf(err) != source.SecretNotFound {
		t.Errorf("with AWS_CA_BUNDLE: %v", err)
	}
}

func TestCallsShareConnections(t *testing.T) {
	var opened atomic.Int64
	// An answer that comes at once overtakes the end of the SDK's request, which costs the connection; AWS is never so near.
	near := &localaws.Server{}
	near.SetFaults(localaws.Fault{Latency: 2 * time.Millisecond})
	server := httptest.NewUnstartedServer(near)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	isolate(t, server.URL)
	s := freshSource(t)
	for range 50 {
		if _, err := s.Resolve(t.Context(), source.VersionQuery{Ref: current("db")}); source.KindOf(err) != source.SecretNotFound {
			t.Fatal(err)
		}
	}
	if opened.Load() > 2 {
		t.Errorf("50 calls in turn opened %d connections", opened.Load())
	}
}

func TestNobodyListens(t *testing.T) {
	env := newEnvironment(t)
	if err := env.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current("db")})
	if source.KindOf(err) != source.RegionUnavailable || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
}

func TestMetricsHaveTheNamesThatAreDocumented(t *testing.T) {
	env := newEnvironment(t)
	env.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db")})
	if _, err := env.source.Resolve(t.Context(), source.VersionQuery{Ref: current("db")}); err != nil {
		t.Fatal(err)
	}
	if got := env.counted(t, "DescribeSecret", "ok", "eu-west-1"); got != 1 {
		t.Errorf("%v calls are counted, want 1", got)
	}
	var names []string
	for _, family := range env.gather(t) {
		names = append(names, family.GetName())
	}
	if diff := cmp.Diff([]string{"secretsync_aws_call_duration_seconds", "secretsync_aws_calls_in_flight", "secretsync_aws_calls_total"}, names); diff != "" {
		t.Errorf("metrics differ (-want +got):\n%s", diff)
	}
	if _, err := NewMetrics(env.metrics); err == nil {
		t.Error("registering twice is no error")
	}
	var silent *Metrics
	silent.observe(measured{}, time.Second, nil) // Must not panic.
	silent.begin(measured{})()
}
