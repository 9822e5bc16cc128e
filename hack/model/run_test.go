package model

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
)

const (
	// root is the directory of the repository, relative to this package.
	root = "../.."
	// seedVariable and stepsVariable are the environment variables that repeat a run.
	seedVariable, stepsVariable = "SECRETSYNC_MODEL_SEED", "SECRETSYNC_MODEL_STEPS"
	// defaultSteps is how many steps a run of all tests has time for.
	defaultSteps = 200
	// window is the number of steps between two settlings.
	window = 50

	howManySecrets, howManyOwners, howManyMergers = 12, 19, 6
	// testerARN is the test's principal in the local AWS, which may do everything.
	testerARN = "arn:aws:iam::" + localaws.DefaultAccount + ":user/tester"
	// operatorARN is the operator's principal.
	operatorARN = "arn:aws:iam::" + localaws.DefaultAccount + ":root"
)

// run is one run: the real environment, and the model of it.
type run struct {
	*testing.T
	random  *rand.Rand
	env     *testenv.Environment
	aws     *secretsmanager.Client
	manager *testenv.Manager // nil while the operator is down
	starts  int
	seen    *watcher
	foreign *foreignHand

	namespaces []string
	secrets    []*awsSecret
	slots      []*slot
	rules      map[string]localaws.Rule
	// origins say where each value comes from; messages have that instead of the value.
	origins map[string]string
	steps   []string
	// moments are the states of all secrets since the last settling; the last one is the present.
	moments []moment
	// found are the Secrets at the last settling. left are those of them that no SecretSync manages any more; frozen
	// are the immutable ones, which the next write must recreate.
	found        map[place]map[string]string
	left         map[place]bool
	frozen       map[place]bool
	changeEvents changeEvents
	stale        staleness
}

// place is the namespace and name of a Secret.
type place struct{ namespace, name string }

func (p place) String() string { return p.namespace + "/" + p.name }

// TestModel takes random steps and compares the Secrets with the model: they must never hold anything that the model
// does not allow, and hold all that it wants in the end.
func TestModel(t *testing.T) {
	seed, steps := fromEnvironment(t, seedVariable, uint64(rand.Uint32())), int(fromEnvironment(t, stepsVariable, defaultSteps))
	t.Logf("%s=%d %s=%d", seedVariable, seed, stepsVariable, steps)
	r := newRun(t, seed)
	r.populate()
	r.settle()
	for taken := 1; taken <= steps; taken++ {
		r.step()
		if taken%window == 0 && taken < steps {
			r.settle()
			if r.chance(85) {
				r.goStale()
			}
		}
	}
	r.recover()
	r.settle()
	r.awaitDrained()
	r.staySettled()
	r.end((*testenv.Manager).Stop)
}

func fromEnvironment(t *testing.T, name string, otherwise uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	number, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		t.Fatalf("environment variable %s: %v", name, err)
	}
	return number
}

func newRun(t *testing.T, seed uint64) *run {
	r := &run{
		T: t, random: rand.New(rand.NewPCG(seed, 0)), rules: map[string]localaws.Rule{}, origins: map[string]string{},
		found: map[place]map[string]string{}, left: map[place]bool{}, foreign: newForeignHand(),
		changeEvents: changeEvents{touched: map[*awsSecret]bool{}, untold: map[*awsSecret]bool{}},
		stale:        staleness{undated: map[*awsSecret]bool{}, denied: map[*awsSecret]bool{}, changed: map[*awsSecret]time.Time{}},
	}
	var err error
	r.env, err = testenv.New(t.Context(), testenv.Options{Root: root, Race: true})
	if r.env != nil {
		t.Cleanup(func() { r.close() })
	}
	if err != nil {
		t.Fatal(err)
	}
	r.env.AWS.AddPrincipal("tester", localaws.Principal{Account: localaws.DefaultAccount, ARN: testerARN})
	r.aws = secretsmanager.New(secretsmanager.Options{
		Region: localaws.DefaultRegion, BaseEndpoint: aws.String(r.env.AWS.URL()),
		Credentials: credentials.NewStaticCredentialsProvider("tester", "not-checked", ""),
	})
	for i := range 3 {
		r.namespaces = append(r.namespaces, fmt.Sprintf("model-%d", i))
		if err := r.env.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: r.namespaces[i]}}); err != nil {
			t.Fatal(err)
		}
	}
	r.makeQueue()
	r.seen = watchSecrets(r)
	return r
}

// now is the present state of all secrets.
func (r *run) now() moment {
	m := moment{}
	for _, of := range r.secrets {
		is := of.state
		is.labels = maps.Clone(is.labels)
		m[of] = is
	}
	return m
}

// happened records that something in AWS has changed.
func (r *run) happened() {
	now := r.now()
	r.changed(now)
	r.moments = append(r.moments, now)
}

// close prints the steps if the test has failed, and takes everything down.
func (r *run) close() {
	if r.Failed() {
		r.Logf("the steps were:\n%s", strings.Join(r.steps, "\n"))
		if r.manager != nil {
			r.Logf("the operator says last:\n%s", r.manager.Tail())
		}
	}
	if r.manager != nil {
		if err := r.manager.Kill(); err != nil {
			r.Error(err)
		}
	}
	if err := r.env.Close(); err != nil {
		r.Error(err)
	}
}

// populate creates all secrets and SecretSyncs and starts the operator.
func (r *run) populate() {
	for i := range howManySecrets {
		made := &awsSecret{name: fmt.Sprintf("/model/s%02d", i), state: state{is: gone}}
		r.secrets = append(r.secrets, made)
		r.create(made, r.drawContent(made, plain))
		r.put(made, r.drawContent(made, plain), [][]string{{live}, {pending}, {live, blue}}[i%3]...)
	}
	for _, namespace := range r.namespaces {
		r.createShared(namespace)
	}
	for i := range howManyOwners + howManyMergers {
		made := &slot{namespace: r.namespaces[i%len(r.namespaces)], name: fmt.Sprintf("o%d", i)}
		if i >= howManyOwners {
			made.name, made.merge = fmt.Sprintf("m%d", i), true
		}
		r.slots = append(r.slots, made)
		next := r.drawSpec(made)
		r.note("make %s: %s", made, &next)
		r.createSync(made, next)
	}
	r.start()
}

// note records a step, without values.
func (r *run) note(format string, arguments ...any) {
	r.steps = append(r.steps, fmt.Sprintf("%s %d. ", time.Now().Format("15:04:05.000"), len(r.steps)+1)+fmt.Sprintf(format, arguments...))
}

// must ends the run if a call of the test itself fails.
func (r *run) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatalf("step %q: %v", r.steps[len(r.steps)-1], err)
	}
}

// start starts the operator.
func (r *run) start() {
	r.Helper()
	r.starts++
	for _, of := range r.slots {
		r.begins(of) // An event that was received before the end is lost.
	}
	r.noteStart()
	manager, err := r.env.StartManager(fmt.Sprintf("manager-%d", r.starts), "--change-queue-url="+r.queueURL(), "--poll-interval="+firstLook.String())
	r.manager = manager
	if err != nil {
		r.Fatal(err)
	}
}

// end ends the operator by one of the manager's methods, and checks that it had no data race.
func (r *run) end(how func(*testenv.Manager) error) {
	r.Helper()
	ended := r.manager
	r.manager = nil
	err := how(ended)
	r.checkRaces(ended)
	if err != nil {
		r.Fatalf("ending the operator: %v\n%s", err, ended.Tail())
	}
}

func (r *run) checkRaces(manager *testenv.Manager) {
	r.Helper()
	race, err := manager.DataRace()
	if err != nil {
		r.Fatal(err)
	}
	if race != "" {
		r.Fatalf("the operator has a data race:\n%s", race)
	}
}

// pause waits for a random time, so that the next step meets the operator at different points.
func (r *run) pause(longest time.Duration) {
	select {
	case <-time.After(time.Duration(r.random.Int64N(int64(longest)))):
	case <-r.Context().Done():
	}
}

// await waits until there is no problem, and gives the problems that remain after patience.
func await(ctx context.Context, wrong func() []string) []string {
	for end := time.Now().Add(patience); ; {
		problems := wrong()
		if len(problems) == 0 || time.Now().After(end) || ctx.Err() != nil {
			return problems
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}
