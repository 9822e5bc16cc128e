package localaws

type tagInput struct {
	bySecret
	Tags []tag
}

type untagInput struct {
	bySecret
	TagKeys []string
}

func (s *Server) tagResource(_ *request, found *secret, input *tagInput) (any, error) {
	for _, t := range input.Tags {
		found.tags[t.Key] = t.Value
	}
	return struct{}{}, nil
}

func (s *Server) untagResource(_ *request, found *secret, input *untagInput) (any, error) {
	for _, key := range input.TagKeys {
		delete(found.tags, key)
	}
	return struct{}{}, nil
}
