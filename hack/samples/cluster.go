package samples

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// syncKind is the kind of the objects that get Ready.
const syncKind = "SecretSync"

// Cluster is the namespace that gets the manifests.
type Cluster struct {
	Client    client.Client
	Namespace string
	// Within is how long a SecretSync may take to get Ready, or to be deleted.
	Within time.Duration
	// Output gets a line for each object.
	Output io.Writer
}

// Apply creates the namespace if it does not exist, and applies the manifests by server-side apply. A field that is
// unknown to the API server is an error.
func (c *Cluster) Apply(ctx context.Context, manifests []Manifest) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.Namespace, Labels: map[string]string{createdBy: samples}}}
	if err := c.Client.Create(ctx, namespace); err == nil {
		fmt.Fprintln(c.Output, "created namespace", c.Namespace)
	} else if !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating namespace %s: %w", c.Namespace, err)
	}
	strict := client.WithFieldValidation(c.Client, metav1.FieldValidationStrict)
	for _, manifest := range manifests {
		object := manifest.DeepCopy()
		object.SetNamespace(c.Namespace)
		object.SetLabels(labels.Merge(object.GetLabels(), labels.Set{createdBy: samples}))
		err := strict.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("secretsync-samples"))
		if meta.IsNoMatchError(err) {
			return fmt.Errorf("applying %s: %w: install the operator with its CRD first", manifest.File, err)
		}
		if err != nil {
			return fmt.Errorf("applying %s: %w", manifest.File, err)
		}
		fmt.Fprintf(c.Output, "applied %s %s of %s\n", object.GetKind(), object.GetName(), manifest.File)
	}
	return nil
}

// Wait waits until each SecretSync is Ready, or, with mode Observe, says what it would change. It prints their states.
// A SecretSync that reads with another identity needs a role that Seed does not create: if it is not Ready, Wait names
// its sample, and gives no error.
func (c *Cluster) Wait(ctx context.Context, manifests []Manifest) error {
	files := map[string]string{}
	for _, manifest := range manifests {
		if manifest.GetKind() == syncKind {
			files[manifest.GetName()] = manifest.File
		}
	}
	var states []state
	for end := time.Now().Add(c.Within); ; {
		var list v1alpha1.SecretSyncList
		if err := c.Client.List(ctx, &list, client.InNamespace(c.Namespace)); err != nil {
			return fmt.Errorf("listing SecretSyncs: %w", err)
		}
		states = nil
		for i := range list.Items {
			if _, applied := files[list.Items[i].Name]; applied {
				states = append(states, stateOf(&list.Items[i]))
			}
		}
		pending := slices.ContainsFunc(states, func(s state) bool { return !s.done })
		if !pending && len(states) == len(files) || time.Now().After(end) {
			break
		}
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
	}
	return c.report(states, files)
}

// state is what the conditions of a SecretSync say.
type state struct {
	name, ready, reason, message string
	// done says that the SecretSync is Ready, or observes.
	done bool
	// otherIdentity says that it reads with an identity other than the operator's.
	otherIdentity bool
}

func stateOf(sync *v1alpha1.SecretSync) state {
	auth := sync.Spec.Auth
	s := state{name: sync.Name, ready: "Unknown", message: "no status; is the operator running?", otherIdentity: auth.ServiceAccountRef != nil || auth.RoleARN != ""}
	ready := meta.FindStatusCondition(sync.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil {
		return s
	}
	s.ready, s.reason, s.message = string(ready.Status), ready.Reason, ready.Message
	s.done = ready.ObservedGeneration == sync.Generation && ready.Status == metav1.ConditionTrue
	return s
}

// report prints the states, and gives an error if a SecretSync is missing or not Ready.
func (c *Cluster) report(states []state, files map[string]string) error {
	table := tabwriter.NewWriter(c.Output, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SECRETSYNC\tREADY\tREASON\tSAMPLE")
	var failed, roles []string
	for _, s := range states {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", s.name, s.ready, s.reason, files[s.name])
		switch {
		case s.done:
		case s.otherIdentity:
			roles = append(roles, fmt.Sprintf("%s is not Ready: %s\nIt needs an IAM role of yours: see the comments in %s.", s.name, s.message, files[s.name]))
		default:
			failed = append(failed, fmt.Sprintf("%s is not Ready: %s", s.name, s.message))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, text := range roles {
		fmt.Fprintln(c.Output, text)
	}
	if missing := len(files) - len(states); missing > 0 {
		failed = append(failed, fmt.Sprintf("%d SecretSyncs were deleted meanwhile", missing))
	}
	if len(failed) > 0 {
		return errors.New(strings.Join(failed, "\n"))
	}
	return nil
}

// Clean deletes the objects of the manifests, the SecretSyncs first, and waits until they are gone: a finalizer of a
// SecretSync needs the operator. It deletes the namespace if Apply has created it.
func (c *Cluster) Clean(ctx context.Context, manifests []Manifest) error {
	ordered := slices.Clone(manifests)
	slices.SortStableFunc(ordered, func(a, b Manifest) int { return rank(a) - rank(b) })
	for _, manifest := range ordered {
		if err := c.remove(ctx, manifest); err != nil {
			return err
		}
	}
	namespace := &corev1.Namespace{}
	err := c.Client.Get(ctx, client.ObjectKey{Name: c.Namespace}, namespace)
	if err != nil || namespace.Labels[createdBy] != samples {
		return client.IgnoreNotFound(err)
	}
	if err := c.Client.Delete(ctx, namespace); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting namespace %s: %w", c.Namespace, err)
	}
	fmt.Fprintln(c.Output, "deleted namespace", c.Namespace)
	return nil
}

func rank(manifest Manifest) int {
	if manifest.GetKind() == syncKind {
		return 0
	}
	return 1
}

// remove deletes an object that Apply has created, and waits until it does not exist.
func (c *Cluster) remove(ctx context.Context, manifest Manifest) error {
	object := manifest.DeepCopy()
	object.SetNamespace(c.Namespace)
	what := object.GetKind() + " " + object.GetName()
	for end := time.Now().Add(c.Within); ; {
		err := c.Client.Get(ctx, client.ObjectKeyFromObject(object), object)
		switch {
		case apierrors.IsNotFound(err) || meta.IsNoMatchError(err):
			return nil
		case err != nil:
			return fmt.Errorf("reading %s: %w", what, err)
		case object.GetLabels()[createdBy] != samples:
			fmt.Fprintf(c.Output, "%s stays: it does not have the label %s=%s\n", what, createdBy, samples)
			return nil
		case object.GetDeletionTimestamp() == nil:
			uid := object.GetUID()
			if err := c.Client.Delete(ctx, object, client.Preconditions{UID: &uid}); client.IgnoreNotFound(err) != nil {
				return fmt.Errorf("deleting %s: %w", what, err)
			}
			fmt.Fprintln(c.Output, "deleted", what)
		case time.Now().After(end):
			return fmt.Errorf("%s still has the finalizers %v after %s; is the operator running?", what, object.GetFinalizers(), c.Within)
		default:
			if err := sleep(ctx, 200*time.Millisecond); err != nil {
				return err
			}
		}
	}
}
