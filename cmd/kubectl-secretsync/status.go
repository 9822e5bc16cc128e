package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// pageSize is how many SecretSyncs are read at once, so that 5,000 take little memory.
const pageSize = 500

// statusOptions are the flags of status.
type statusOptions struct {
	allNamespaces, notReady, watch bool
}

func newStatus(c *cli) *cobra.Command {
	var options statusOptions
	command := &cobra.Command{
		Use:   "status [NAME]",
		Short: "Show which SecretSyncs are Ready, and why others are not",
		Long: "Show which SecretSyncs are Ready, and why others are not; with a name, all about one: its sources, its Secret, its\n" +
			"conditions and the workloads that are restarted. Exits with 1 if a SecretSync is neither Ready nor suspended.",
		Example: "  kubectl secretsync status -A --not-ready\n  kubectl secretsync status db -n payments",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, names []string) error {
			if len(names) == 1 {
				if options != (statusOptions{}) {
					return usage("--all-namespaces, --not-ready and --watch are for lists: leave out the name or the flag")
				}
				return c.showOne(command.Context(), names[0])
			}
			return c.showAll(command.Context(), options)
		},
	}
	command.Flags().BoolVarP(&options.allNamespaces, "all-namespaces", "A", false, "show the SecretSyncs of all namespaces")
	command.Flags().BoolVar(&options.notReady, "not-ready", false, "show only those that are neither Ready nor suspended")
	command.Flags().BoolVarP(&options.watch, "watch", "w", false, "go on, and show each change of a state")
	return command
}

// statusItem is what status says of a SecretSync.
type statusItem struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Ready, Reason, Message and Since are those of the condition. Ready is Unknown for a spec that the operator has
	// not seen.
	Ready     string       `json:"ready"`
	Reason    string       `json:"reason"`
	Message   string       `json:"message"`
	Since     *metav1.Time `json:"since,omitempty"`
	Suspended bool         `json:"suspended"`
	// Pinned says that a source is pinned to a version, so that rotations are not followed.
	Pinned bool `json:"pinned"`
	// Secret is the name of the Secret, as it was last written or as it is to be.
	Secret   string       `json:"secret"`
	Versions []string     `json:"versions,omitempty"`
	Synced   *metav1.Time `json:"synced,omitempty"`
}

func newStatusItem(found *v1alpha1.SecretSync) statusItem {
	item := statusItem{
		Namespace: found.Namespace, Name: found.Name, Ready: string(metav1.ConditionUnknown), Reason: v1alpha1.ReasonProgressing,
		Suspended: found.Spec.Suspend, Pinned: pinned(&found.Spec), Secret: found.TargetName(), Synced: found.Status.LastSyncTime,
		Message: "Waiting for the operator: does it run, and does it watch this namespace?",
	}
	for i := range found.Status.Sources {
		item.Versions = append(item.Versions, found.Status.Sources[i].VersionID)
	}
	if ready := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionReady); ready != nil && found.Status.ObservedGeneration == found.Generation {
		item.Ready, item.Reason, item.Message, item.Since = string(ready.Status), ready.Reason, ready.Message, &ready.LastTransitionTime
	}
	return item
}

// troubled says whether someone has to look: a SecretSync that is suspended is as its users want it.
func (s statusItem) troubled() bool { return s.Ready != string(metav1.ConditionTrue) && !s.Suspended }

// pinned says whether a source is pinned to a version.
func pinned(spec *v1alpha1.SecretSyncSpec) bool {
	if spec.Source.VersionID != "" {
		return true
	}
	return slices.ContainsFunc(spec.Data, func(entry v1alpha1.DataKey) bool { return entry.Source != nil && entry.Source.VersionID != "" }) ||
		slices.ContainsFunc(spec.DataFrom, func(entry v1alpha1.DataFrom) bool { return entry.Source != nil && entry.Source.VersionID != "" })
}

// statusOf are the items of a list, and what they add up to.
type statusOf struct {
	items []statusItem
	// all, troubled, suspended and pinned count SecretSyncs, also those that are not shown.
	all, troubled, suspended, pinned int
	// first is the first one with trouble.
	first *statusItem
	// resourceVersion is that of the list.
	resourceVersion string
}

func (s *statusOf) add(item statusItem, onlyTrouble bool) {
	s.all++
	if item.Suspended {
		s.suspended++
	}
	if item.Pinned {
		s.pinned++
	}
	if item.troubled() {
		s.troubled++
		if s.first == nil {
			s.first = &item
		}
	}
	if item.troubled() || !onlyTrouble {
		s.items = append(s.items, item)
	}
}

// statuses reads the SecretSyncs of a namespace, or of all.
func (k *cluster) statuses(ctx context.Context, options statusOptions) (*statusOf, error) {
	result := &statusOf{items: []statusItem{}}
	namespace, next := k.namespace, client.Continue("")
	if options.allNamespaces {
		namespace = ""
	}
	for {
		var page v1alpha1.SecretSyncList
		if err := k.List(ctx, &page, client.InNamespace(namespace), client.Limit(pageSize), next); err != nil {
			return nil, refused(err)
		}
		for i := range page.Items {
			result.add(newStatusItem(&page.Items[i]), options.notReady)
		}
		if next = client.Continue(page.Continue); next == "" {
			result.resourceVersion = page.ResourceVersion
			return result, nil
		}
	}
}

// showAll prints a list.
func (c *cli) showAll(ctx context.Context, options statusOptions) error {
	k, err := c.cluster()
	if err != nil {
		return err
	}
	result, err := k.statuses(ctx, options)
	if err != nil {
		return err
	}
	if err := c.printStatuses(ctx, k, result.items, options.allNamespaces); err != nil {
		return err
	}
	c.summarize(result, options, k.namespace)
	if options.watch {
		return c.follow(ctx, k, result, options)
	}
	if result.troubled > 0 {
		return ended(exitTrouble)
	}
	return nil
}

func (c *cli) printStatuses(ctx context.Context, k *cluster, items []statusItem, allNamespaces bool) error {
	r := report{Kind: "Status", Items: items}
	if c.structured() {
		r.As.Kubernetes = k.user(ctx)
	} else if len(items) == 0 {
		return nil
	}
	names := make([]string, len(items))
	for i := range items {
		names[i] = items[i].Name
	}
	return c.print(r, c.statusTable(items, allNamespaces, time.Now()), names)
}

// statusTable has the columns that kubectl get has, in the order in which one reads them to find trouble.
func (c *cli) statusTable(items []statusItem, allNamespaces bool, now time.Time) table {
	shown := table{
		header: []string{"NAMESPACE", "NAME", "READY", "REASON", "SINCE", "SECRET", "VERSION", "SYNCED", "MESSAGE"},
		wide:   map[string]bool{"SECRET": true, "VERSION": true, "SYNCED": true},
	}
	most := 80
	if c.output == formatWide {
		most = 1 << 16
	}
	for i := range items {
		item := &items[i]
		shown.rows = append(shown.rows, []string{item.Namespace, item.Name, item.Ready, item.Reason, ago(item.Since, now),
			item.Secret, strings.Join(item.Versions, ","), ago(item.Synced, now), shorten(item.Message, most)})
	}
	if allNamespaces {
		return shown
	}
	shown.header = shown.header[1:]
	for i := range shown.rows {
		shown.rows[i] = shown.rows[i][1:]
	}
	return shown
}

// ago is a time as kubectl shows it: 5m, 3d. It is empty for none.
func ago(moment *metav1.Time, now time.Time) string {
	if moment.IsZero() {
		return ""
	}
	return duration.HumanDuration(now.Sub(moment.Time))
}
