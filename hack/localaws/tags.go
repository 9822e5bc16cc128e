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
	found.tag(input.Tags)
	return struct{}{}, nil
}

func (s *Server) untagResource(_ *request, found *secret, input *untagInput) (any, error) {
	for _, key := range input.TagKeys {
		delete(found.tags, key)
	}
	return struct{}{}, nil
}
