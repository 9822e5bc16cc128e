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
	// root is the repository's, seen from this folder.
	root = "../.."
	// seedVariable and stepsVariable make a run like a former one.
	seedVariable, stepsVariable = "SECRETSYNC_MODEL_SEED", "SECRETSYNC_MODEL_STEPS"
	// defaultSteps are as many as the run of all tests has time for.
	defaultSteps = 200
	// window is how many steps there are from one time that all settles to the next.
	window = 50

	howManySecrets, howManyOwners, howManyMergers = 12, 19, 6
	// testerARN is whom the local AWS takes the test for; nothing is refused to it.
	testerARN = "arn:aws:iam::" + localaws.DefaultAccount + ":user/tester"
	// operatorARN is whom it takes the operator for.
	operatorARN = "arn:aws:iam::" + localaws.DefaultAccount + ":root"
)

// run is one run, with the world as it is and as the model has it.
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
	secrets    []*secret
	slots      []*slot
	rules      map[string]localaws.Rule
	// origins say where a value comes from, so that nothing else of it need be told.
	origins map[string]string
	steps   []string
	// moments are what all secrets were like since all was last settled, the last one as they are now.
	moments []moment
	// found are the Secrets as they were when all was last settled; left those of them that no SecretSync
	// answers for any more, frozen those that nobody can change: whoever writes them next makes them anew.
	found        map[place]map[string]string
	left         map[place]bool
	frozen       map[place]bool
	changeEvents changeEvents
	stale        staleness
}

// place is a Secret's.
type place struct{ namespace, name string }

func (p place) String() string { return p.namespace + "/" + p.name }

// TestModel takes random steps and wants the Secrets to be what the model says: never anything that is
// not, and in the end all that is.
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
		changeEvents: changeEvents{touched: map[*secret]bool{}, untold: map[*secret]bool{}},
		stale:        staleness{undated: map[*secret]bool{}, changed: map[*secret]time.Time{}},
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

// now is what all secrets are like.
func (r *run) now() moment {
	m := moment{}
	for _, of := range r.secrets {
		is := of.state
		is.labels = maps.Clone(is.labels)
		m[of] = is
	}
	return m
}

// happened notes that something in AWS has changed.
func (r *run) happened() {
	now := r.now()
	r.changed(now)
	r.moments = append(r.moments, now)
}

// close tells what happened if anything is wrong, and takes all down.
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

// populate makes all secrets and SecretSyncs and starts the operator.
func (r *run) populate() {
	for i := range howManySecrets {
		made := &secret{name: fmt.Sprintf("/model/s%02d", i), state: state{is: gone}}
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

// note writes down a step; it never tells a value.
func (r *run) note(format string, arguments ...any) {
	r.steps = append(r.steps, fmt.Sprintf("%s %d. ", time.Now().Format("15:04:05.000"), len(r.steps)+1)+fmt.Sprintf(format, arguments...))
}

// must ends the run where the test itself is refused something.
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
		r.begins(of) // Of an event that was taken before the end, the operator knows nothing any more.
	}
	manager, err := r.env.StartManager(fmt.Sprintf("manager-%d", r.starts), "--change-queue-url="+r.queueURL(), "--poll-interval="+firstLook.String())
	r.manager = manager
	if err != nil {
		r.Fatal(err)
	}
}

// end ends the operator in the way given, and wants no data race of it.
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

// pause lets the operator get here and there before the next step.
func (r *run) pause(longest time.Duration) {
	select {
	case <-time.After(time.Duration(r.random.Int64N(int64(longest)))):
	case <-r.Context().Done():
	}
}

// await waits until nothing is wrong, and gives what still is after patience.
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
