package failover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/secretsync/secretsync/controllers/arns"
	"github.com/secretsync/secretsync/controllers/source"
)

// Options configure a Source. Source is required.
type Options struct {
	// Source reads one region at a time.
	Source source.Source
	// Region that Source reads from if neither the Ref nor an ARN names one. Default: unknown; a Ref that names no
	// region has no failover then.
	Region string
	// Knows says whether a region exists. Nothing is kept for other regions, and Source refuses them. Default: all
	// exist.
	Knows func(region string) bool
	// Metrics counts reads of replicas. Default: nothing is counted.
	Metrics *Metrics
	// Now returns the current time. Default: time.Now.
	Now func() time.Time
}

// Source reads replicas while a region does not answer. It is safe for concurrent use.
type Source struct {
	source.Source
	options  Options
	breakers *breakers
	created  *createdTimes
	failback *failbacks
}

var _ source.Source = (*Source)(nil)

// New wraps a source in failover.
func New(options Options) *Source {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Knows == nil {
		options.Knows = func(string) bool { return true }
	}
	return &Source{
		Source: options.Source, options: options,
		breakers: newBreakers(options), created: newCreatedTimes(), failback: newFailbacks(options.Now),
	}
}

// Resolve resolves the version in the home region, or in a replica while that region does not answer. If no replica
// can be used, it returns the error of the home region, with a note about each replica.
func (s *Source) Resolve(ctx context.Context, query source.VersionQuery) (source.Resolution, error) {
	home, replicas := s.regionsOf(query.Ref)
	if len(replicas) == 0 {
		return s.Source.Resolve(ctx, query)
	}
	resolution, unavailable, err := try(s.breakers.get(query.Identity, home), func() (source.Resolution, error) {
		return s.Source.Resolve(ctx, query)
	})
	if unavailable == nil {
		if err == nil && slices.Contains(replicas, query.Synced.Region) {
			return s.failBack(ctx, query, resolution)
		}
		return resolution, err
	}
	var notes []string
	for _, region := range replicas {
		resolution, err := s.resolveReplica(ctx, query, home, region)
		if err == nil {
			s.options.Metrics.read(region)
			return resolution, nil
		}
		if ctx.Err() != nil {
			return source.Resolution{}, ctx.Err()
		}
		notes = append(notes, note(region, err))
	}
	return source.Resolution{}, withNotes(unavailable, notes)
}

// resolveReplica resolves the version in one replica. Its result has the ARN of the home region.
func (s *Source) resolveReplica(ctx context.Context, query source.VersionQuery, home, region string) (source.Resolution, error) {
	replica := query
	replica.Ref = moved(query.Ref, region)
	replica.Synced.ARN = arns.InRegion(query.Synced.ARN, region)
	resolution, unavailable, err := try(s.breakers.get(query.Identity, region), func() (source.Resolution, error) {
		return s.Source.Resolve(ctx, replica)
	})
	if unavailable != nil {
		return source.Resolution{}, unavailable
	}
	if err != nil {
		return source.Resolution{}, err
	}
	version := &resolution.Version
	version.ARN = arns.InRegion(version.ARN, home)
	if version.PrimaryRegion != home && version.ARN != query.Synced.ARN {
		return source.Resolution{}, unproven(version.PrimaryRegion, home)
	}
	// Only the primary region rotates a secret (page "Replicate secrets across Regions").
	version.Rotation = nil
	if err := s.confirm(ctx, query, replica.Ref, &resolution); err != nil {
		return source.Resolution{}, err
	}
	hint := fmt.Sprintf("read from the replica in %s because %s does not answer", region, home)
	if resolution.Hint != "" {
		hint += "; " + resolution.Hint
	}
	resolution.Hint = hint
	return resolution, nil
}

// Fetch reads the value in the region that the version was resolved in: the home region or a replica. If the home
// region has stopped answering since, it reads the same version of the same secret from a replica.
func (s *Source) Fetch(ctx context.Context, ref source.Ref, resolved source.Version) (source.Fetched, error) {
	home, replicas := s.regionsOf(ref)
	if len(replicas) == 0 || resolved.ID == "" {
		return s.Source.Fetch(ctx, ref, resolved)
	}
	if slices.Contains(replicas, resolved.Region) {
		return s.fetchReplica(ctx, ref, resolved, home, resolved.Region)
	}
	fetched, unavailable, err := try(s.breakers.get(ref.Identity, home), func() (source.Fetched, error) {
		return s.Source.Fetch(ctx, ref, resolved)
	})
	if unavailable == nil {
		return fetched, err
	}
	var notes []string
	for _, region := range replicas {
		fetched, err := s.fetchReplica(ctx, ref, resolved, home, region)
		if err == nil {
			s.options.Metrics.read(region)
			return fetched, nil
		}
		if ctx.Err() != nil {
			return source.Fetched{}, ctx.Err()
		}
		notes = append(notes, note(region, err))
	}
	return source.Fetched{}, withNotes(unavailable, notes)
}

// fetchReplica reads the resolved version, and no other, from a replica.
func (s *Source) fetchReplica(ctx context.Context, ref source.Ref, resolved source.Version, home, region string) (source.Fetched, error) {
	replicated := resolved
	replicated.ARN, replicated.Region = arns.InRegion(resolved.ARN, region), region
	fetched, unavailable, err := try(s.breakers.get(ref.Identity, region), func() (source.Fetched, error) {
		return s.Source.Fetch(ctx, moved(ref, region), replicated)
	})
	if unavailable != nil {
		return source.Fetched{}, unavailable
	}
	if err != nil {
		return source.Fetched{}, err
	}
	fetched.Version.ARN = arns.InRegion(fetched.Version.ARN, home)
	if fetched.Version.ARN != resolved.ARN || fetched.Version.ID != resolved.ID {
		return source.Fetched{}, &source.Error{Kind: source.Busy, Explanation: fmt.Sprintf(
			"the replica of secret %s in %s has another version than the one that was resolved: it is read again", ref.SecretID, region)}
	}
	return fetched, nil
}

// regionsOf returns the home region of a secret and the regions of its replicas, or nothing if there is no failover.
func (s *Source) regionsOf(ref source.Ref) (home string, replicas []string) {
	if ref.FailoverRegions == "" {
		return "", nil
	}
	if home = ref.Region; home == "" {
		home = cmp.Or(arns.Region(ref.SecretID), s.options.Region)
	}
	if home == "" {
		return "", nil
	}
	for region := range strings.FieldsSeq(ref.FailoverRegions) {
		if region != home && !slices.Contains(replicas, region) {
			replicas = append(replicas, region)
		}
	}
	return home, replicas
}

// moved is a Ref to the replica in another region.
func moved(ref source.Ref, region string) source.Ref {
	ref.SecretID, ref.Region, ref.FailoverRegions = arns.InRegion(ref.SecretID, region), region, ""
	return ref
}

// note explains in a few words why a replica was not used.
func note(region string, err error) string {
	switch source.KindOf(err) {
	case source.RegionUnavailable:
		return region + " does not answer either"
	case source.SecretNotFound:
		return "there is no replica in " + region
	default:
		reason := err.Error()
		if refusal, ok := errors.AsType[*source.Error](err); ok {
			reason = refusal.Explanation
		}
		return "the replica in " + region + " is not used: " + reason
	}
}

// withNotes is a copy of an error with notes. The error itself may be kept by a breaker, and is not changed.
func withNotes(unavailable *source.Error, notes []string) *source.Error {
	extended := *unavailable
	extended.Explanation += "; " + strings.Join(notes, "; ")
	return &extended
}
