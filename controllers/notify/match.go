package notify

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/pattern"
	"github.com/secretsync/secretsync/controllers/references"
)

// secretIndex indexes SecretSyncs by the names that the secrets in their specs may have. SecretSyncs with a find have
// the key keyFind, and abridged SecretSyncs, of which only digests of the names are kept, the key keyAbridged. No
// name of a secret contains a star.
const (
	secretIndex = "secret"
	keyFind     = "*"
	keyAbridged = "**"
)

// Index adds the index that Matcher needs to the cache. Call it before the cache starts.
func Index(ctx context.Context, indexer client.FieldIndexer) error {
	err := indexer.IndexField(ctx, &v1alpha1.SecretSync{}, secretIndex, func(object client.Object) []string {
		return keysOf(object.(*v1alpha1.SecretSync))
	})
	if err != nil {
		return fmt.Errorf("indexing SecretSyncs by secret: %w", err)
	}
	return nil
}

// keysOf are the keys of a SecretSync in secretIndex.
func keysOf(secretSync *v1alpha1.SecretSync) []string {
	var names []string
	spec := &secretSync.Spec
	switch {
	case spec.Suspend:
		return nil // It is not synced.
	case secretSync.Abridged != nil:
		names = []string{keyAbridged}
	default:
		for secret := range references.Named(spec) {
			names = append(names, namesOf(secret.SecretID)...)
		}
	}
	if references.Finds(spec) {
		names = append(names, keyFind)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Matcher finds the SecretSyncs that a change concerns.
type Matcher struct {
	// Client reads SecretSyncs from a cache that Index was called for.
	Client client.Reader
	// Region is the operator's own region; empty if it has none.
	Region string
	// Patterns caches compiled patterns.
	Patterns *pattern.Cache
}

// Match returns the SecretSyncs that read the secret of a change, or whose find may select it. What is not known, as
// the account of a secret that a spec names without one, counts as a match: the only effect is a reconcile that was
// not needed.
func (m *Matcher) Match(ctx context.Context, change Change) ([]types.NamespacedName, error) {
	found, limits := map[types.NamespacedName]bool{}, newBudgets(ctx, m.Patterns)
	for _, key := range append(change.names(), keyFind, keyAbridged) {
		var syncs v1alpha1.SecretSyncList
		if err := m.Client.List(ctx, &syncs, client.MatchingFields{secretIndex: key}, client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("listing the SecretSyncs of a secret: %w", err)
		}
		slices.SortFunc(syncs.Items, byName) // Each event has the same patterns matched within the budget.
		for i := range syncs.Items {
			if secretSync := &syncs.Items[i]; !found[client.ObjectKeyFromObject(secretSync)] && m.concerns(change, secretSync, limits) {
				found[client.ObjectKeyFromObject(secretSync)] = true
			}
		}
	}
	names := make([]types.NamespacedName, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b types.NamespacedName) int { return strings.Compare(a.String(), b.String()) })
	return names, nil
}

func byName(a, b v1alpha1.SecretSync) int {
	return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
}

// concerns says whether a change concerns a SecretSync.
func (m *Matcher) concerns(change Change, secretSync *v1alpha1.SecretSync, limits *budgets) bool {
	if secretSync.Abridged != nil && followsAny(secretSync.Abridged, change.names()) {
		return true
	}
	spec := &secretSync.Spec
	for secret := range references.Named(spec) {
		if change.isOf(secret.SecretID) && m.inRegions(change, references.Regions(&secret)) && accountFits(change, secret.SecretID, secretSync) {
			return true
		}
	}
	for entry := range references.Entries(spec) {
		if entry.Find == nil {
			continue
		}
		selected := func(name string) bool { return limits.mayFind(secretSync.Namespace, entry.Find, name) }
		if m.inRegions(change, regionsOf(spec, entry.Find)) && slices.ContainsFunc(change.names(), selected) {
			return true
		}
	}
	return false
}

// inRegions says whether a change happened in one of these regions. An empty region is the operator's.
func (m *Matcher) inRegions(change Change, regions []string) bool {
	return change.Region == "" || slices.ContainsFunc(regions, func(region string) bool {
		if region == "" {
			region = m.Region
		}
		return region == "" || region == change.Region
	})
}

// accountFits says whether a secret may be in the account of a change. The account of a secret that a spec names
// without one is known from status.sources, if the status is of the current generation.
func accountFits(change Change, secretID string, secretSync *v1alpha1.SecretSync) bool {
	if change.Account == "" {
		return true
	}
	if arn, ok := arns.ParseSecret(secretID); ok {
		return arn.Account == change.Account
	}
	status := &secretSync.Status
	if status.Secret == nil || status.Secret.Generation != secretSync.Generation {
		return true
	}
	for i := range status.Sources {
		if arn, ok := arns.ParseSecret(status.Sources[i].ARN); ok && status.Sources[i].SecretID == secretID {
			return arn.Account == change.Account
		}
	}
	return true
}

// regionsOf are the regions of which a change may concern a find. If only the ARN of spec.source names a region, the
// operator's counts too: the only effect is a reconcile that was not needed.
func regionsOf(spec *v1alpha1.SecretSyncSpec, find *v1alpha1.Find) []string {
	regions := []string{references.FindRegion(spec, find)}
	if find.Region == "" && spec.Source.Region == "" {
		regions = append(regions, "")
	}
	return regions
}
