package failover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

// Options say what stands behind, and how to count.
type Options struct {
	// Source is asked, region by region.
	Source source.Source
	// Region that Source reads from where neither the Ref nor an ARN names one. Default: none is known, and
	// what names none has no failover.
	Region string
	// Knows says whether a region is one: of others nothing is kept, and Source refuses them. Default: all are.
	Knows func(region string) bool
	// Metrics counts what was read from replicas. Default: nothing is counted.
	Metrics *Metrics
	// Now tells the time. Default: time.Now.
	Now func() time.Time
}

// Source reads replicas where a region does not answer. It is safe for concurrent use.
type Source struct {
	source.Source
	options  Options
	breakers *breakers
	births   *births
	returns  *returns
}

var _ source.Source = (*Source)(nil)

// New puts failover before a source.
func New(options Options) *Source {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Knows == nil {
		options.Knows = func(string) bool { return true }
	}
	return &Source{
		Source: options.Source, options: options,
		breakers: newBreakers(options), births: newBirths(), returns: newReturns(options.Now),
	}
}

// Observe asks the secret's own region, and its replicas while that does not answer. Where no replica will
// do, the error is that of the region, with a sentence about each replica.
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
			return s.comeHome(ctx, query, resolution)
		}
		return resolution, err
	}
	var notes []string
	for _, region := range replicas {
		resolution, err := s.observeReplica(ctx, query, home, region)
		if err == nil {
			s.options.Metrics.read(region)
			return resolution, nil
		}
		if ctx.Err() != nil {
			return source.Resolution{}, ctx.Err()
		}
		notes = append(notes, note(region, err))
	}
	return source.Resolution{}, noted(unavailable, notes)
}

// observeReplica asks one replica, and answers as the secret's own region would.
func (s *Source) observeReplica(ctx context.Context, query source.VersionQuery, home, region string) (source.Resolution, error) {
	elsewhere := query
	elsewhere.Ref = moved(query.Ref, region)
	elsewhere.Synced.ARN = inRegion(query.Synced.ARN, region)
	resolution, unavailable, err := try(s.breakers.get(query.Identity, region), func() (source.Resolution, error) {
		return s.Source.Resolve(ctx, elsewhere)
	})
	if unavailable != nil {
		return source.Resolution{}, unavailable
	}
	if err != nil {
		return source.Resolution{}, err
	}
	version := &resolution.Version
	version.ARN = inRegion(version.ARN, home)
	if version.PrimaryRegion != home && version.ARN != query.Synced.ARN {
		return source.Resolution{}, unproven(version.PrimaryRegion, home)
	}
	// It is the secret's own region that rotates it (page "Replicate secrets across Regions").
	version.Rotation = nil
	if err := s.confirm(ctx, query, elsewhere.Ref, &resolution); err != nil {
		return source.Resolution{}, err
	}
	hint := fmt.Sprintf("read from the replica in %s because %s does not answer", region, home)
	if resolution.Hint != "" {
		hint += "; " + resolution.Hint
	}
	resolution.Hint = hint
	return resolution, nil
}

// Fetch reads the value where the version was observed: from the secret's own region, or from a replica. A
// replica also stands in where the region has stopped to answer since, with the same version of the same
// secret.
func (s *Source) Fetch(ctx context.Context, ref source.Ref, observed source.Version) (source.Fetched, error) {
	home, replicas := s.regionsOf(ref)
	if len(replicas) == 0 || observed.ID == "" {
		return s.Source.Fetch(ctx, ref, observed)
	}
	if slices.Contains(replicas, observed.Region) {
		return s.fetchReplica(ctx, ref, observed, home, observed.Region)
	}
	fetched, unavailable, err := try(s.breakers.get(ref.Identity, home), func() (source.Fetched, error) {
		return s.Source.Fetch(ctx, ref, observed)
	})
	if unavailable == nil {
		return fetched, err
	}
	var notes []string
	for _, region := range replicas {
		fetched, err := s.fetchReplica(ctx, ref, observed, home, region)
		if err == nil {
			s.options.Metrics.read(region)
			return fetched, nil
		}
		if ctx.Err() != nil {
			return source.Fetched{}, ctx.Err()
		}
		notes = append(notes, note(region, err))
	}
	return source.Fetched{}, noted(unavailable, notes)
}

// fetchReplica reads the version that was observed, and no other, from a replica.
func (s *Source) fetchReplica(ctx context.Context, ref source.Ref, observed source.Version, home, region string) (source.Fetched, error) {
	there := observed
	there.ARN, there.Region = inRegion(observed.ARN, region), region
	fetched, unavailable, err := try(s.breakers.get(ref.Identity, region), func() (source.Fetched, error) {
		return s.Source.Fetch(ctx, moved(ref, region), there)
	})
	if unavailable != nil {
		return source.Fetched{}, unavailable
	}
	if err != nil {
		return source.Fetched{}, err
	}
	fetched.Version.ARN = inRegion(fetched.Version.ARN, home)
	if fetched.Version.ARN != observed.ARN || fetched.Version.ID != observed.ID {
		return source.Fetched{}, &source.Error{Kind: source.Busy, Explanation: fmt.Sprintf(
			"the replica of secret %s in %s is at another version than the one that was looked at: it is looked at again", ref.SecretID, region)}
	}
	return fetched, nil
}

// regionsOf are the region of a secret and those of its replicas; none where there is no failover.
func (s *Source) regionsOf(ref source.Ref) (home string, replicas []string) {
	if ref.FailoverRegions == "" {
		return "", nil
	}
	home = ref.Region
	if home == "" {
		home = regionIn(ref.SecretID)
	}
	if home == "" {
		home = s.options.Region
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
	ref.SecretID, ref.Region, ref.FailoverRegions = inRegion(ref.SecretID, region), region, ""
	return ref
}

// arnParts are the parts of arn:<partition>:secretsmanager:<region>:<account>:secret:<name>, and arnRegion is
// the one that replicas differ in (page "Replicate secrets across Regions").
const arnParts, arnRegion = 7, 3

// inRegion is an ARN as it is in another region; names stay as they are.
func inRegion(id, region string) string {
	parts := strings.SplitN(id, ":", arnParts)
	if len(parts) < arnParts || parts[0] != "arn" {
		return id
	}
	parts[arnRegion] = region
	return strings.Join(parts, ":")
}

func regionIn(id string) string {
	parts := strings.SplitN(id, ":", arnParts)
	if len(parts) < arnParts || parts[0] != "arn" {
		return ""
	}
	return parts[arnRegion]
}

// note says in a few words why a replica was of no use.
func note(region string, err error) string {
	why := err.Error()
	if refused, ok := errors.AsType[*source.Error](err); ok {
		why = refused.Explanation
	}
	switch source.KindOf(err) {
	case source.RegionUnavailable:
		return region + " does not answer either"
	case source.SecretNotFound:
		return "there is no replica in " + region
	}
	return "the replica in " + region + " is not used: " + why
}

// noted is an error with notes on it. The error itself may be remembered by a breaker, and stays as it is.
func noted(unavailable *source.Error, notes []string) *source.Error {
	told := *unavailable
	told.Explanation += "; " + strings.Join(notes, "; ")
	return &told
}
