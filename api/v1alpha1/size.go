package v1alpha1

// SpecMostBytes is the maximum size of all texts of a spec together, in bytes. The operator keeps every SecretSync in
// memory, even if it is suspended. The CRD limits the parts of a spec, so that few specs reach this size.
const SpecMostBytes = 256 << 10

// Size is the size of all texts of the spec together, in bytes.
func (s *SecretSyncSpec) Size() int {
	size := s.Source.size() + s.Auth.size() + s.Target.size() + len(s.Mode)
	for i := range s.Data {
		size += s.Data[i].size()
	}
	for i := range s.DataFrom {
		size += s.DataFrom[i].size()
	}
	if s.Template != nil {
		size += len(s.Template.MergePolicy) + sizeOfMap(s.Template.Data) + s.Template.Metadata.size()
	}
	if s.KeepPrevious != nil {
		size += len(s.KeepPrevious.Suffix)
	}
	return size + s.Guards.size() + s.Rollout.size()
}

func sizeOfList(texts []string) int {
	size := 0
	for _, text := range texts {
		size += len(text)
	}
	return size
}

func sizeOfMap[T ~string](texts map[string]T) int {
	size := 0
	for name, text := range texts {
		size += len(name) + len(text)
	}
	return size
}

func (m *TemplateMetadata) size() int {
	if m == nil {
		return 0
	}
	return sizeOfMap(m.Labels) + len(m.LabelsFrom) + sizeOfMap(m.Annotations) + len(m.AnnotationsFrom)
}

func (s *SecretSource) size() int {
	return len(s.SecretID) + len(s.VersionStage) + len(s.VersionID) + len(s.Region) + sizeOfList(s.FailoverRegions)
}

func (a *SourceAuth) size() int {
	size := len(a.RoleARN) + len(a.ExternalID) + sizeOfList(a.ViaRoleARNs)
	if a.ServiceAccountRef != nil {
		size += len(a.ServiceAccountRef.Name)
	}
	return size
}

func (t *SecretTarget) size() int {
	return len(t.Name) + len(t.Type) + sizeOfMap(t.Labels) + sizeOfMap(t.Annotations) +
		len(t.ReplacePolicy) + len(t.CreationPolicy) + len(t.DeletionPolicy)
}

func (s *EntrySource) size() int {
	if s == nil {
		return 0
	}
	return len(s.SecretID) + len(s.VersionStage) + len(s.VersionID) + len(s.Region)
}

func (d *DataKey) size() int {
	return len(d.Key) + d.Source.size() + len(d.Property) + len(d.JMESPath) + len(d.Decode) + len(d.Nulls)
}

func (d *DataFrom) size() int {
	size := d.Source.size() + len(d.Property) + sizeOfList(d.Include) + sizeOfList(d.Exclude) + len(d.Conversion) + len(d.Prefix) + len(d.Decode) + len(d.Nulls) + len(d.Overlap)
	if d.Find != nil {
		size += len(d.Find.NamePrefix) + len(d.Find.NamePattern) + sizeOfMap(d.Find.Tags) + len(d.Find.Region) + len(d.Find.Take)
	}
	for i := range d.Rename {
		size += len(d.Rename[i].Match) + len(d.Rename[i].Replace)
	}
	return size
}

func (g *Guards) size() int {
	if g == nil {
		return 0
	}
	size := sizeOfList(g.RequiredKeys)
	for i := range g.Keys {
		size += len(g.Keys[i].Key) + len(g.Keys[i].Pattern) + len(g.Keys[i].Format)
	}
	for i := range g.KeyPairs {
		size += len(g.KeyPairs[i].Certificate) + len(g.KeyPairs[i].PrivateKey)
	}
	return size
}

func (r *Rollout) size() int {
	if r == nil {
		return 0
	}
	size := len(r.Restart) + sizeOfList(r.IgnoreKeys)
	for i := range r.Workloads {
		size += len(r.Workloads[i].Kind) + len(r.Workloads[i].Name)
	}
	return size
}
