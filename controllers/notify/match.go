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
	"github.com/secretsync/secretsync/controllers/pattern"
)

// secretIndex finds SecretSyncs by the names that the secrets in their specs may have, by anyFound those that look for
// secrets, and by anyAbridged those of whose names digests alone are kept. No name of a secret has a star in it.
const (
	secretIndex = "secret"
	anyFound    = "*"
	anyAbridged = "**"
)

// Index tells the cache what Matcher asks it for. Call it before the cache starts.
func Index(ctx context.Context, indexer client.FieldIndexer) error {
	err := indexer.IndexField(ctx, &v1alpha1.SecretSync{}, secretIndex, func(object client.Object) []string {
		return indexed(object.(*v1alpha1.SecretSync))
	})
	if err != nil {
		return fmt.Errorf("indexing SecretSyncs by secret: %w", err)
	}
	return nil
}

func indexed(secretSync *v1alpha1.SecretSync) []string {
	var names []string
	spec := &secretSync.Spec
	switch {
	case spec.Suspend:
		return nil // No pass over it would ask AWS.
	case secretSync.Abridged != nil:
		names = []string{anyAbridged}
	default:
		for _, one := range followed(spec) {
			names = append(names, namesOf(one.secretID)...)
		}
	}
	if slices.ContainsFunc(spec.DataFrom, func(entry v1alpha1.DataFrom) bool { return entry.Find != nil }) {
		names = append(names, anyFound)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// reference is a secret that a spec names, and the regions that it may be read from. No region stands for
// the operator's.
type reference struct {
	secretID string
	regions  []string
}

// followed are the secrets that a spec names. Entries that name none read that of spec.source.
func followed(spec *v1alpha1.SecretSyncSpec) []reference {
	var all []reference
	if own := &spec.Source; own.SecretID != "" {
		all = append(all, reference{own.SecretID, append([]string{regionOf(own.SecretID, own.Region)}, own.FailoverRegions...)})
	}
	add := func(entry *v1alpha1.EntrySource) {
		if entry != nil && entry.SecretID != "" {
			all = append(all, reference{entry.SecretID, []string{regionOf(entry.SecretID, entry.Region)}})
		}
	}
	for i := range spec.Data {
		add(spec.Data[i].Source)
	}
	for i := range spec.DataFrom {
		add(spec.DataFrom[i].Source)
	}
	return all
}

// regionOf is the one that is asked for, or the ARN's, or none.
func regionOf(secretID, asked string) string {
	if at, ok := placeIn(secretID); ok && asked == "" {
		return at.region
	}
	return asked
}

// Matcher finds the SecretSyncs that a change concerns.
type Matcher struct {
	// Client reads SecretSyncs from a cache that Index was called for.
	Client client.Reader
	// Region is the operator's own; empty where it has none.
	Region string
	// Patterns keeps those that were compiled.
	Patterns *pattern.Cache
}

// Match gives the SecretSyncs that follow the secret of a change, or that look for secrets called as it is.
// Where something is not known, as the account of a secret that is named without one, it is taken to fit:
// to look once too often does no harm.
func (m *Matcher) Match(ctx context.Context, change Change) ([]types.NamespacedName, error) {
	found, within := map[types.NamespacedName]bool{}, newAllowances(ctx, m.Patterns)
	for _, key := range append(change.names(), anyFound, anyAbridged) {
		var syncs v1alpha1.SecretSyncList
		if err := m.Client.List(ctx, &syncs, client.MatchingFields{secretIndex: key}, client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("listing the SecretSyncs of a secret: %w", err)
		}
		slices.SortFunc(syncs.Items, byName) // The same of them have their patterns matched each time.
		for i := range syncs.Items {
			if secretSync := &syncs.Items[i]; !found[client.ObjectKeyFromObject(secretSync)] && m.concerns(change, secretSync, within) {
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

func (m *Matcher) concerns(change Change, secretSync *v1alpha1.SecretSync, within *allowances) bool {
	if secretSync.Abridged != nil && followsAny(secretSync.Abridged, change.names()) {
		return true
	}
	for _, one := range followed(&secretSync.Spec) {
		if change.isOf(one.secretID) && m.inReach(change, one.regions) && accountFits(change, one.secretID, secretSync) {
			return true
		}
	}
	for i := range secretSync.Spec.DataFrom {
		find := secretSync.Spec.DataFrom[i].Find
		if find == nil {
			continue
		}
		if m.inReach(change, regionsOf(find, &secretSync.Spec.Source)) && slices.ContainsFunc(change.names(), func(name string) bool { return within.mayFind(secretSync.Namespace, find, name) }) {
			return true
		}
	}
	return false
}

// inReach says whether a change happened in one of some regions.
func (m *Matcher) inReach(change Change, regions []string) bool {
	return change.Region == "" || slices.ContainsFunc(regions, func(region string) bool {
		if region == "" {
			region = m.Region
		}
		return region == "" || region == change.Region
	})
}

// accountFits says whether a secret is in the account of a change. Of a secret that is named without its
// account only AWS knows, and the status, as long as it tells of this very spec.
func accountFits(change Change, secretID string, secretSync *v1alpha1.SecretSync) bool {
	if change.Account == "" {
		return true
	}
	if at, ok := placeIn(secretID); ok {
		return at.account == change.Account
	}
	status := &secretSync.Status
	if status.Secret == nil || status.Secret.Generation != secretSync.Generation {
		return true
	}
	for i := range status.Sources {
		if at, ok := placeIn(status.Sources[i].ARN); ok && status.Sources[i].SecretID == secretID {
			return at.account == change.Account
		}
	}
	return true
}

// regionsOf are those that may be looked in: the one that is named, that of spec.source, or the operator's.
func regionsOf(find *v1alpha1.Find, source *v1alpha1.SecretSource) []string {
	if named := cmp.Or(find.Region, source.Region); named != "" {
		return []string{named}
	}
	return []string{regionOf(source.SecretID, ""), ""}
}
