package hostile

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// tester is the access key of the tests; all calls that are signed by another key are the operator's.
const tester = "tester"

// patience is how long a test waits for the victim: a multiple of what any row may take, so that a row that blocks the
// victim for good ends.
const patience = 30 * time.Second

// setup is what the rows of a group share: an AWS, a victim, and a manager with default settings, which receives change
// events by its hook.
type setup struct {
	env    *testenv.Environment
	aws    *secretsmanager.Client
	victim *victim
	// flags are the manager's flags, besides the memory limit.
	flags   []string
	manager *testenv.Manager
	hook    string
	token   string
	starts  int
}

func newSetup(t *testing.T, flags ...string) *setup {
	t.Helper()
	own := testsuite.WithOwnAWS(t, shared, &localaws.Server{})
	s := &setup{env: own, flags: flags, token: "token-of-" + filepath.Base(t.Name()), aws: secretsmanager.New(secretsmanager.Options{
		Region: localaws.DefaultRegion, BaseEndpoint: aws.String(own.AWS.URL()), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(tester, "not-checked", ""),
	})}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(s.token), 0o600); err != nil {
		t.Fatal(err)
	}
	s.flags = append(s.flags, "--change-hook-token-file="+file)
	s.start(t)
	t.Cleanup(func() {
		if s.manager.Stop() != nil {
			t.Error("the manager did not end well")
		}
	})
	s.victim = newVictim(t, s)
	return s
}

// start starts a manager, and waits until it accepts change events.
func (s *setup) start(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.hook = listener.Addr().String()
	listener.Close()
	s.starts++
	name := strings.ReplaceAll(t.Name(), "/", "-") + "-" + strconv.Itoa(s.starts)
	s.manager, err = s.env.StartManager(name, append([]string{"--memory-limit=" + strconv.Itoa(memoryLimit), "--log-level=info", "--change-hook-bind-address=" + s.hook}, s.flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	testsuite.Await(t, "the hook listens", func() bool {
		connection, err := net.Dial("tcp", s.hook)
		return err == nil && connection.Close() == nil
	}, s.manager.Tail)
}

// announce posts an event to the hook as EventBridge does, with retries. It says whether the hook accepted it within
// patience.
func (s *setup) announce(t *testing.T, body []byte) bool {
	t.Helper()
	var status int
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if status = s.post(t, body); status == http.StatusAccepted {
			return true
		}
	}
	t.Logf("the hook did not take an event within %s: the last answer is %d", patience, status)
	return false
}

// post posts an event once and gives the status of the answer; 0 means no answer.
func (s *setup) post(t *testing.T, body []byte) (status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.hook+"/events", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	answer.Body.Close()
	return answer.StatusCode
}

// calls is how many calls of AWS the operator has made.
func (s *setup) calls() (count int) {
	for _, call := range s.env.AWS.Calls() {
		if call.AccessKeyID != tester {
			count++
		}
	}
	return count
}

// requests is how many requests the operator has made to the API server, by its own metric.
func (s *setup) requests(t *testing.T) (count int) {
	t.Helper()
	return s.metric(t, "rest_client_requests_total{")
}

// metric is the sum of the operator's series whose lines begin with a prefix.
func (s *setup) metric(t *testing.T, begins string) (sum int) {
	t.Helper()
	answer := s.scrape(t)
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), begins) {
			continue
		}
		_, figure, _ := strings.Cut(lines.Text(), "} ")
		value, err := strconv.ParseFloat(figure, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += int(value)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return sum
}

// scrape gets the operator's metrics; the endpoint is rate-limited.
func (s *setup) scrape(t *testing.T) *http.Response {
	t.Helper()
	client := &http.Client{Timeout: testsuite.Deadline}
	for end := time.Now().Add(testsuite.Deadline); ; time.Sleep(time.Second) {
		answer, err := client.Get("http://" + s.manager.Metrics + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode == http.StatusOK {
			return answer
		}
		answer.Body.Close()
		if time.Now().After(end) {
			t.Fatalf("the metrics are answered by %s", answer.Status)
		}
	}
}

// put gives a secret a new version.
func (s *setup) put(t *testing.T, id, content string) (version string) {
	t.Helper()
	made, err := s.aws.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &content})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(made.VersionId)
}

// labelUpdated is the event of a label that moved to a new version.
func labelUpdated(id, version string) []byte {
	arn := fmt.Sprintf("arn:aws:secretsmanager:%s:%s:secret:%s-AbCdEf", localaws.DefaultRegion, localaws.DefaultAccount, id)
	return eventOf(localaws.LabelUpdated, []string{arn}, localaws.Label{Name: id, LabelUpdated: "AWSCURRENT", VersionID: version})
}
