package main

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/render"
	"github.com/secretsync/secretsync/controllers/source"
	sourceaws "github.com/secretsync/secretsync/controllers/source/aws"
)

func newDiff(c *cli) *cobra.Command {
	var file string
	command := &cobra.Command{
		Use:   "diff NAME... | -f FILE",
		Short: "Show what a sync would change in Secrets, by names of keys",
		Long: "Show what a sync would change in the Secrets, by names of keys: of SecretSyncs of the cluster, or as a file has them. It\n" +
			"reads the values in AWS with your own credentials (not those of spec.auth), and the Secrets with your own rights. It\n" +
			"prints no value, and writes nothing.\n\n" +
			"What you may not read is not compared. Exits with 1 if a Secret would change, or would not be written.",
		Example: "  kubectl secretsync diff db -n payments\n  kubectl secretsync diff -f secretsync.yaml",
		RunE: func(command *cobra.Command, names []string) error {
			if (len(names) == 0) == (file == "") {
				return usage("say what to compare: names of SecretSyncs, or -f FILE")
			}
			return c.diff(command.Context(), file, names)
		},
	}
	command.Flags().StringVarP(&file, "filename", "f", "", "file with SecretSyncs; - is standard input")
	return command
}

// diffItem is one difference between a Secret and what a sync would make it.
type diffItem struct {
	Namespace string `json:"namespace"`
	// Name is that of the SecretSync.
	Name   string     `json:"name"`
	Secret string     `json:"secret"`
	Change changeKind `json:"change"`
	// Key is empty for changes of the whole Secret.
	Key    string `json:"key,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// comparison is the work of one diff.
type comparison struct {
	*cluster
	cli        *cli
	account    *account
	from       source.Source
	user       string
	incomplete []missingRight
	code       int
}

func (c *cli) diff(ctx context.Context, file string, names []string) error {
	k, err := c.cluster()
	if err != nil {
		return err
	}
	subjects, err := c.diffSubjects(ctx, k, file, names)
	if err != nil {
		return err
	}
	work := &comparison{cluster: k, cli: c}
	if work.account, err = newAccount(ctx); err != nil {
		return err
	}
	work.from, err = sourceaws.New(ctx, sourceaws.Options{
		Version: version, LoadOptions: []func(*config.LoadOptions) error{config.WithAppID(fieldManager)},
	})
	if err != nil {
		return undetermined("%v", err)
	}
	work.user = work.account.user(ctx)
	items := []diffItem{}
	var changed []string
	for i := range subjects {
		found := work.compare(ctx, &subjects[i])
		items = append(items, found...)
		if len(found) > 0 {
			changed = append(changed, subjects[i].Name)
		}
	}
	r := report{Kind: "Diff", As: identities{AWS: work.user}, Incomplete: work.incomplete, Items: items}
	if c.structured() {
		r.As.Kubernetes = k.user(ctx)
	}
	if c.structured() || len(items) > 0 {
		if err := c.print(r, diffTable(items), changed); err != nil {
			return err
		}
	}
	if len(items) == 0 {
		c.say("No difference.")
	}
	if work.user != "" {
		c.say("AWS was read as %s.", work.user)
	}
	return ended(work.code)
}

// diffSubjects are the SecretSyncs to compare: those of the cluster, or those of a file with the status in the cluster.
func (c *cli) diffSubjects(ctx context.Context, k *cluster, file string, names []string) ([]v1alpha1.SecretSync, error) {
	if file == "" {
		found := make([]v1alpha1.SecretSync, len(names))
		for i, name := range names {
			live, err := k.secretSync(ctx, name)
			if err != nil {
				return nil, err
			}
			found[i] = *live
		}
		return found, nil
	}
	found, err := c.readSecretSyncs(file)
	if err != nil {
		return nil, err
	}
	for i := range found {
		live := &v1alpha1.SecretSync{}
		err := k.Get(ctx, client.ObjectKeyFromObject(&found[i]), live)
		if apierrors.IsNotFound(err) && objectName(err) != "" {
			continue
		}
		if err != nil {
			return nil, refused(err)
		}
		found[i].UID, found[i].Status, found[i].Generation = live.UID, live.Status, live.Generation
		if !equality.Semantic.DeepEqual(found[i].Spec, live.Spec) {
			found[i].Generation++
		}
	}
	return found, nil
}

// compare compares the Secret of a SecretSync with what AWS has.
func (w *comparison) compare(ctx context.Context, secretSync *v1alpha1.SecretSync) []diffItem {
	item := diffItem{Namespace: secretSync.Namespace, Name: secretSync.Name, Secret: secretSync.TargetName()}
	as := secretSync.DeepCopy()
	as.Spec.Auth = v1alpha1.SourceAuth{} // The user reads, and not the identity of the spec.
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	wanted, content, err := assembled(ctx, w.from, as)
	if err != nil {
		return w.unread(secretSync, item, err)
	}
	live := &corev1.Secret{}
	err = w.Get(ctx, client.ObjectKey{Namespace: wanted.Namespace, Name: wanted.Name}, live)
	switch {
	case apierrors.IsNotFound(err):
		live = nil
	case err != nil:
		w.cli.say("Not looked at: %v", err)
		w.incomplete = append(w.incomplete, missingRight{"kubernetes", "get", "secrets"})
		w.code = worst(w.code, exitUndetermined)
		return notCompared(item, content.Keys)
	}
	if live != nil {
		if err := checkNulls(secretSync, content.Nulls, live); err != nil {
			return w.unread(secretSync, item, err)
		}
	}
	found := differences(item, secretSync, wanted, live)
	if len(found) > 0 {
		w.code = worst(w.code, exitTrouble)
	}
	return found
}

// unread is the outcome of a SecretSync whose Secret can't be made: because AWS refuses to answer the user, or because the
// operator would refuse the values, too.
func (w *comparison) unread(secretSync *v1alpha1.SecretSync, item diffItem, err error) []diffItem {
	kind := source.KindOf(err)
	if kind != source.AccessDenied && kind != source.KMSAccessDenied && !kind.Transient() && kind != source.Busy {
		w.cli.say("%s/%s: %s", secretSync.Namespace, secretSync.Name, explained(err))
		w.code = worst(w.code, exitTrouble)
		return []diffItem{item.of(changeRefused, "", explained(err))}
	}
	w.cli.say("Not looked at: %s/%s: %s", secretSync.Namespace, secretSync.Name, explained(err))
	right := "secretsmanager:GetSecretValue"
	if kind == source.KMSAccessDenied {
		right = "kms:Decrypt"
	}
	w.incomplete = append(w.incomplete, missingRight{"aws", right, secretSync.Spec.Source.SecretID})
	w.code = worst(w.code, exitUndetermined)
	if secretSync.Status.Secret == nil {
		return notCompared(item, nil)
	}
	return notCompared(item, secretSync.Status.Secret.Keys)
}

// checkNulls refuses, as the operator does, keys that null in AWS would empty.
func checkNulls(secretSync *v1alpha1.SecretSync, nulls []string, live *corev1.Secret) error {
	written := secretSync.Status.Secret
	if written == nil || written.Name != live.Name {
		return nil
	}
	var nulled []string
	for _, key := range nulls {
		if slices.Contains(written.Keys, key) {
			nulled = append(nulled, key)
		}
	}
	if len(nulled) == 0 {
		return nil
	}
	return render.CheckNulls(&secretSync.Spec, nulled, live.Data)
}
