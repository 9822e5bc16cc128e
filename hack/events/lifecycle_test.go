package events

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/testenv"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

const (
	// rotating secrets are rotated one after the other, rounds times; quiet ones never are.
	rotating, rounds, quiet = 12, 5, 3
	// pace is the time from one rotation to the next.
	pace = 50 * time.Millisecond
)

// TestNothingIsLostWhenTheOperatorComesAndGoes: whatever happens to the operator while secrets rotate, each Secret ends
// with the current version. None is ever missing, empty or set back to an older version, and unchanged secrets are not
// read again.
func TestNothingIsLostWhenTheOperatorComesAndGoes(t *testing.T) {
	for name, play := range map[string]func(*fleet){
		"stopped and started again, as by an upgrade": func(f *fleet) { f.stop((*testenv.Manager).Stop); f.startAgain() },
		"killed and started again":                    func(f *fleet) { f.stop((*testenv.Manager).Kill); f.startAgain() },
		"uninstalled, and installed again later":      (*fleet).installAgain,
		"the leader of two replicas is killed":        (*fleet).killLeader,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t)
			f.rotate()
			f.await("a third has rotated", func() bool { return f.done() > len(f.all)/3 })
			play(f)
			f.awaitRotated()
			f.awaitCurrent()
			f.await("events have reported it too", func() bool { return f.counted("notified") > 0 })
			f.again() // Events are followed as before.
			f.awaitCurrent()
			f.awaitDrained()
			if dead := len(f.env.AWS.Messages(f.dead)); dead > 0 {
				t.Errorf("%d messages that can be read are dead", dead)
			}
			f.judge()
		})
	}
}

// turn is one rotation: the number of a secret and the content that it gets.
type turn struct {
	secret  int
	content string
}

// fleet is a setup in which secrets rotate and every state of their Secrets is recorded.
type fleet struct {
	*setup
	// versions are all contents of each secret, in order, by the name of its SecretSync.
	versions map[string][]string
	all      []turn
	rotated  chan error

	mutex sync.Mutex
	// turns is how many rotations there were.
	turns int
	seen  []watch.Event
}

func newFleet(t *testing.T) *fleet {
	f := &fleet{setup: newSetup(t), versions: map[string][]string{}}
	f.grantLeases()
	f.startAgain()
	f.watch()
	for i := range rotating + quiet {
		_, content := f.create(f.named(i))
		f.versions[f.named(i)] = []string{content}
		f.sync(f.named(i), f.secretID(f.named(i)), []time.Duration{alone, rarely}[i%2])
	}
	for range rounds {
		f.draw()
	}
	f.awaitCurrent()
	return f
}

// draw adds a round of rotations to the list.
func (f *fleet) draw() {
	for i := range rotating {
		f.all = append(f.all, turn{i, f.value()})
	}
}

func (f *fleet) named(i int) string {
	if i < rotating {
		return fmt.Sprintf("rotating-%02d", i)
	}
	return fmt.Sprintf("quiet-%02d", i)
}

// startAgain starts a manager that may be one of several replicas. Its poll interval limits how late it finds changes
// that happened while no manager ran: their events may have been lost with the process that received them.
func (f *fleet) startAgain() {
	f.Helper()
	f.startPlain("--change-queue-url="+f.queueURL(), "--poll-interval=10s", "--leader-elect", "--leader-election-namespace="+testenv.OperatorNamespace)
}

// grantLeases gives the operator the role for leader election.
func (f *fleet) grantLeases() {
	f.Helper()
	content, err := os.ReadFile(filepath.Join(testsuite.Root, "config/rbac/leader_election_role.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	role := &rbacv1.Role{}
	if err := yaml.UnmarshalStrict(content, role); err != nil {
		f.Fatal(err)
	}
	role.Namespace = testenv.OperatorNamespace
	binding := &rbacv1.RoleBinding{ObjectMeta: role.ObjectMeta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: testenv.OperatorNamespace, Name: testenv.OperatorAccount}}}
	for _, object := range []client.Object{role, binding} {
		if err := f.env.Client.Create(f.Context(), object); err != nil && !apierrors.IsAlreadyExists(err) {
			f.Fatal(err)
		}
	}
}

// installAgain does what "helm uninstall" and a later "helm install" do: the CRD and all SecretSyncs stay.
func (f *fleet) installAgain() {
	f.stop((*testenv.Manager).Stop)
	f.awaitRotated()
	if waiting := len(f.env.AWS.Messages(f.queue)); waiting < rotating {
		f.Errorf("%d events wait: this shows nothing", waiting)
	}
	for name := range f.versions {
		if f.get(name).DeletionTimestamp != nil {
			f.Errorf("SecretSync %s was deleted with the operator", name)
		}
		if f.values(name) == nil {
			f.Errorf("Secret %s was deleted with the operator", name)
		}
	}
	f.startAgain()
}

// killLeader kills the leader, and waits for another replica to take over.
func (f *fleet) killLeader() {
	leader, holders := f.manager, f.holders()
	f.startAgain()
	if now := f.holders(); !maps.Equal(holders, now) {
		f.Fatal("a second replica has taken over from a leader that works")
	}
	f.awaitRotated() // The start of the second may have taken longer than all rotations, so more follow.
	before := f.done()
	f.all = nil
	f.draw()
	f.draw()
	f.rotate()
	f.await("a third has rotated again", func() bool { return f.done() > before+len(f.all)/3 })
	if err := leader.Kill(); err != nil {
		f.Fatal(err)
	}
	f.await("the second replica leads", func() bool { return !maps.Equal(holders, f.holders()) })
}

// holders are the holders of the Leases, by the name of the Lease.
func (f *fleet) holders() map[string]string {
	f.Helper()
	var leases coordinationv1.LeaseList
	if err := f.env.Client.List(f.Context(), &leases, client.InNamespace(testenv.OperatorNamespace)); err != nil {
		f.Fatal(err)
	}
	held := map[string]string{}
	for i := range leases.Items {
		if holder := leases.Items[i].Spec.HolderIdentity; holder != nil {
			held[leases.Items[i].Name] = *holder
		}
	}
	return held
}

// rotate starts to rotate the secrets one after the other.
func (f *fleet) rotate() {
	for _, next := range f.all {
		f.versions[f.named(next.secret)] = append(f.versions[f.named(next.secret)], next.content)
	}
	done, all := make(chan error, 1), f.all
	f.rotated = done
	go func() { done <- f.rotateAll(f.Context(), all) }()
}

func (f *fleet) rotateAll(ctx context.Context, all []turn) error {
	for _, next := range all {
		id := f.secretID(f.named(next.secret))
		if _, err := f.aws.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &next.content}); err != nil {
			return fmt.Errorf("rotating %s: %w", id, err)
		}
		f.mutex.Lock()
		f.turns++
		f.mutex.Unlock()
		time.Sleep(pace)
	}
	return nil
}

func (f *fleet) done() int {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.turns
}

// awaitRotated waits until all rotations are done. It may be called more than once.
func (f *fleet) awaitRotated() {
	f.Helper()
	err := <-f.rotated
	if f.rotated <- err; err != nil {
		f.Fatal(err)
	}
}

// again rotates each secret once more.
func (f *fleet) again() {
	f.Helper()
	f.all = nil
	f.draw()
	f.rotate()
	f.awaitRotated()
}

// awaitCurrent waits until each Secret holds the current version and its SecretSync is Ready.
func (f *fleet) awaitCurrent() {
	f.Helper()
	for _, name := range slices.Sorted(maps.Keys(f.versions)) {
		f.awaitValue(name, f.versions[name][len(f.versions[name])-1])
	}
}

// watch starts to record every state of the Secrets.
func (f *fleet) watch() {
	f.Helper()
	watching, err := client.NewWithWatch(f.env.Plane.Config(), client.Options{Scheme: f.env.Client.Scheme()})
	if err != nil {
		f.Fatal(err)
	}
	stream, err := watching.Watch(f.Context(), &corev1.SecretList{}, client.InNamespace(f.namespace))
	if err != nil {
		f.Fatal(err)
	}
	go func() {
		for event := range stream.ResultChan() {
			f.mutex.Lock()
			f.seen = append(f.seen, event)
			f.mutex.Unlock()
		}
	}()
}

// sightings are the versions that each Secret has held, in order, as far as they were seen; -1 means that the Secret
// was missing or held no version.
func (f *fleet) sightings() map[string][]int {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	held := map[string][]int{}
	for _, event := range f.seen {
		secret, is := event.Object.(*corev1.Secret)
		if !is {
			continue
		}
		version := slices.Index(f.versions[secret.Name], string(secret.Data["value"]))
		if event.Type == watch.Deleted || len(secret.Data) != 1 {
			version = -1
		}
		held[secret.Name] = append(held[secret.Name], version)
	}
	return held
}

// judge checks what was seen, and what was read in AWS.
func (f *fleet) judge() {
	f.Helper()
	f.await("the watch has brought the last states", func() bool {
		seen := f.sightings()
		for name, versions := range f.versions {
			if held := seen[name]; len(held) == 0 || held[len(held)-1] != len(versions)-1 {
				return false
			}
		}
		return true
	})
	for name, held := range f.sightings() {
		if slices.Contains(held, -1) || !slices.IsSorted(held) {
			f.Errorf("Secret %s has held the versions %v, one after the other: -1 is none", name, held)
		}
		// A value that the operator had read but not written when it ended is read once more.
		most := len(f.versions[name]) + 1
		if len(f.versions[name]) == 1 {
			most = 1
		}
		if read := f.env.AWS.ValuesRead(f.secretID(name)); read > most {
			f.Errorf("%s was read %d times, and has %d versions", name, read, len(f.versions[name]))
		}
	}
	var syncs v1alpha1.SecretSyncList
	if err := f.env.Client.List(f.Context(), &syncs, client.InNamespace(f.namespace)); err != nil {
		f.Fatal(err)
	}
	if len(syncs.Items) != rotating+quiet {
		f.Errorf("there are %d SecretSyncs of %d", len(syncs.Items), rotating+quiet)
	}
}
