package secretsync

import (
	"slices"
)

// rotationFacts are what is known of the versions that were observed. Former versions are not judged.
func (p *pass) rotationFacts() []rotationFacts {
	var all []rotationFacts
	for n, one := range p.inputs {
		if one.absent {
			continue
		}
		facts := rotationFacts{
			secretID: one.ref.SecretID, version: one.observation.Version,
			failedAt: p.memory.rotationsFailed[one.observation.Version.ARN],
		}
		switch synced := p.synced(n, one); {
		case one.fetched.Version.ID == facts.version.ID:
			facts.created = one.fetched.Version.Created
		case synced != nil && synced.VersionID == facts.version.ID:
			facts.created = madeAt(synced)
		}
		all = append(all, facts)
	}
	return all
}

// anotherSecret says whether the rotation of none of the secrets is known, and one of them is another than the
// one that was spoken of before.
func (p *pass) anotherSecret() bool {
	if slices.ContainsFunc(p.inputs, func(one *input) bool { return one.observation.Version.Rotation != nil }) {
		return false
	}
	for n, one := range p.inputs {
		if synced := p.synced(n, one); synced != nil && synced.ARN != one.observation.Version.ARN {
			return true
		}
	}
	return false
}
