package restore

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/controlplane"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/testenv"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

const (
	// soon is a poll interval that ends while a test waits; later is one that does not.
	soon, later = 5 * time.Second, time.Hour
	// rightWithin is how long everything may take to be right after a restore. On a machine that is too busy for that,
	// it may take slowness times as long as a rotation of everything took before the restore.
	rightWithin, slowness = time.Minute, 3
	// deadline is how long a test waits; a thousand SecretSyncs take long on a busy machine.
	deadline = 5 * time.Minute
	// atOnce limits the concurrent requests of a test.
	atOnce = 16
)

// setup is a namespace with SecretSyncs, a local AWS with a secret for each of them, and a manager.
type setup struct {
	*testing.T
	env       *testenv.Environment
	namespace string
	aws       *secretsmanager.Client
	manager   *testenv.Manager
	starts    int
	// wanted are the values that the Secrets must hold, by name.
	wanted map[string]string
	hidden []string
}

func newSetup(t *testing.T) *setup {
	t.Helper()
	own := testsuite.WithOwnAWS(t, shared, &localaws.Server{})
	s := &setup{T: t, env: own, namespace: testsuite.Namespace(t, shared.Client, "restore-"), wanted: map[string]string{}}
	s.aws = secretsmanager.New(secretsmanager.Options{
		Region: localaws.DefaultRegion, BaseEndpoint: aws.String(own.AWS.URL()), Credentials: credentials.NewStaticCredentialsProvider("tester", "not-checked", ""),
	})
	return s
}

// start starts a manager, which is stopped when the test ends unless it was stopped before.
func (s *setup) start() {
	s.Helper()
	s.starts++
	manager, err := s.env.StartManager(s.namespace+"-"+strconv.Itoa(s.starts), "--watch-namespaces="+s.namespace)
	if s.manager = manager; manager != nil {
		s.Cleanup(func() {
			if s.manager == manager {
				s.stop()
			}
			testsuite.CheckLog(s, manager, s.hidden)
		})
	}
	if err != nil {
		s.Fatal(err)
	}
}

// stop ends the manager, which must still run.
func (s *setup) stop() {
	s.Helper()
	if err := s.manager.Stop(); err != nil {
		s.Errorf("the manager did not end well: %v: %s", err, s.manager.Tail())
	}
	s.manager = nil
}

// each calls do for each name, atOnce at a time.
func (s *setup) each(names []string, do func(ctx context.Context, name string) error) {
	s.Helper()
	group, ctx := errgroup.WithContext(s.Context())
	group.SetLimit(atOnce)
	for _, name := range names {
		group.Go(func() error { return do(ctx, name) })
	}
	if err := group.Wait(); err != nil {
		s.Fatal(err)
	}
}

// follow creates n secrets, and SecretSyncs that follow them, with names that begin with prefix, and gives the names.
func (s *setup) follow(prefix string, count int, interval time.Duration) []string {
	s.Helper()
	names := make([]string, count)
	for n := range names {
		names[n] = fmt.Sprintf("%s-%d", prefix, n)
		s.want(names[n])
	}
	s.each(names, func(ctx context.Context, name string) error {
		if _, err := s.aws.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: s.secretID(name), SecretString: aws.String(s.wanted[name])}); err != nil {
			return err
		}
		return s.env.Client.Create(ctx, &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}, Spec: v1alpha1.SecretSyncSpec{
			Source: v1alpha1.SecretSource{SecretID: *s.secretID(name)}, PollInterval: &metav1.Duration{Duration: interval}}})
	})
	return names
}

// want draws a new value, which a Secret must hold from now on.
func (s *setup) want(name string) {
	s.wanted[name] = "value-" + rand.Text()
	s.hidden = append(s.hidden, s.wanted[name])
}

func (s *setup) secretID(name string) *string { return aws.String("/" + s.namespace + "/" + name) }

// rotate gives the secrets of these names new values.
func (s *setup) rotate(names []string) {
	s.Helper()
	for _, name := range names {
		s.want(name)
	}
	s.each(names, func(ctx context.Context, name string) error {
		_, err := s.aws.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: s.secretID(name), SecretString: aws.String(s.wanted[name])})
		return err
	})
}

// refresh requests a refresh of the SecretSyncs of these names.
func (s *setup) refresh(names []string) {
	s.Helper()
	s.each(names, func(ctx context.Context, name string) error {
		patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationRefreshRequestedAt, rand.Text())
		secretSync := &v1alpha1.SecretSync{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}}
		return s.env.Client.Patch(ctx, secretSync, client.RawPatch("application/merge-patch+json", patch))
	})
}

// awaitRight waits until every Secret holds its wanted value and every SecretSync is in sync.
func (s *setup) awaitRight(what string) {
	s.Helper()
	s.awaitRightBut("", what)
}

// awaitRightBut does so for all but one name. It pauses between checks, as each lists all objects.
func (s *setup) awaitRightBut(except, what string) {
	s.Helper()
	pause := max(100*time.Millisecond, time.Duration(len(s.wanted))*time.Millisecond)
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(pause) {
		if wrong := s.wrong(); len(wrong) == 0 || len(wrong) == 1 && except != "" && strings.HasSuffix(wrong[0], " "+except) {
			return
		}
	}
	s.Fatalf("timed out: %s\n%s", what, s.picture())
}

// delete deletes an object and waits until it is gone.
func (s *setup) delete(object client.Object, options ...client.DeleteOption) {
	s.Helper()
	if err := s.env.Client.Get(s.Context(), client.ObjectKeyFromObject(object), object); err != nil {
		s.Fatal(err)
	}
	uid := object.GetUID()
	if err := s.env.Client.Delete(s.Context(), object, options...); err != nil {
		s.Fatal(err)
	}
	testsuite.Await(s, object.GetName()+" is gone", func() bool {
		err := s.env.Client.Get(s.Context(), client.ObjectKeyFromObject(object), object)
		return apierrors.IsNotFound(err) || err == nil && object.GetUID() != uid
	}, s.picture)
}

// exists says whether there is a Secret.
func (s *setup) exists(name string) bool {
	s.Helper()
	return testsuite.Values(s, s.env.Client, s.namespace, name) != nil
}

// wrong gives the names whose Secret or SecretSync is not as wanted, with what is wrong.
func (s *setup) wrong() []string {
	var secrets corev1.SecretList
	var syncs v1alpha1.SecretSyncList
	if s.env.Client.List(s.Context(), &secrets, client.InNamespace(s.namespace)) != nil || s.env.Client.List(s.Context(), &syncs, client.InNamespace(s.namespace)) != nil {
		return []string{"the API server does not answer"}
	}
	held, versions := map[string]string{}, map[string]string{}
	for _, secret := range secrets.Items {
		held[secret.Name], versions[secret.Name] = string(secret.Data["value"]), secret.Annotations[v1alpha1.AnnotationVersionID]
	}
	ready := map[string]bool{}
	for i := range syncs.Items {
		secretSync := &syncs.Items[i]
		ready[secretSync.Name] = meta.IsStatusConditionTrue(secretSync.Status.Conditions, v1alpha1.ConditionReady) &&
			secretSync.Status.ObservedGeneration == secretSync.Generation && secretSync.Status.Sources[0].VersionID == versions[secretSync.Name]
	}
	var wrong []string
	for name, value := range s.wanted {
		switch {
		case held[name] != value:
			wrong = append(wrong, "there is not the right value in Secret "+name)
		case !ready[name]:
			wrong = append(wrong, "there is no word of being in sync in SecretSync "+name)
		}
	}
	return wrong
}

// picture shows the first problems and the end of the manager's log.
func (s *setup) picture() string {
	wrong := s.wrong()
	return fmt.Sprintf("%d are wrong: %s\n%s", len(wrong), strings.Join(wrong[:min(len(wrong), 10)], "; "), s.manager.Tail())
}

// backup makes a backup of etcd.
func (s *setup) backup() *controlplane.Backup {
	s.Helper()
	backup, err := s.env.Plane.Backup()
	if err != nil {
		s.Fatal(err)
	}
	return backup
}

func (s *setup) restore(backup *controlplane.Backup) {
	s.Helper()
	if err := s.env.Plane.Restore(backup); err != nil {
		s.Fatal(err)
	}
}

// metric is the sum of all series of a metric whose labels contain a text.
func (s *setup) metric(name, labels string) (sum float64) {
	s.Helper()
	answer, err := http.Get("http://" + s.manager.Metrics + "/metrics")
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		series, value, _ := strings.Cut(lines.Text(), " ")
		if called, _, _ := strings.Cut(series, "{"); called != name || !strings.Contains(series, labels) {
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			s.Fatal(err)
		}
		sum += number
	}
	return sum
}

// reconciles is how many reconciles the manager has done.
func (s *setup) reconciles() float64 {
	return s.metric("controller_runtime_reconcile_total", `controller="secretsync"`)
}
