package localaws

func (s *Server) tagResource(call *request) (any, error) {
	var input struct {
		SecretId string
		Tags     []tag
	}
	if err := call.decode(&input); err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found, err := s.open(call, input.SecretId)
	if err != nil {
		return nil, err
	}
	for _, t := range input.Tags {
		found.tags[t.Key] = t.Value
	}
	return struct{}{}, nil
}

func (s *Server) untagResource(call *request) (any, error) {
	var input struct {
		SecretId string
		TagKeys  []string
	}
	if err := call.decode(&input); err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found, err := s.open(call, input.SecretId)
	if err != nil {
		return nil, err
	}
	for _, key := range input.TagKeys {
		delete(found.tags, key)
	}
	return struct{}{}, nil
}
