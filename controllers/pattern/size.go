package pattern

import "regexp/syntax"

// size says how large a compiled program is.
type size struct {
	// instructions of the program.
	instructions int
	// ranges of characters in all classes: an instruction for \pL has 650 of them.
	ranges int
}

func (s size) plus(other size) size {
	return size{s.instructions + other.instructions, s.ranges + other.ranges}
}

func (s size) times(n int) size { return size{s.instructions * n, s.ranges * n} }

// estimate measures a parsed pattern without expanding its repetitions, as compiling does. The result may be a few
// instructions too many, and is at least half of them. Parsing limits the depth of the recursion and the size of the
// numbers.
func estimate(parsed *syntax.Regexp) size {
	var below size
	for _, sub := range parsed.Sub {
		below = below.plus(estimate(sub))
	}
	switch parsed.Op {
	case syntax.OpLiteral:
		return size{instructions: len(parsed.Rune), ranges: len(parsed.Rune)}
	case syntax.OpCharClass:
		return size{instructions: 1, ranges: len(parsed.Rune) / 2}
	case syntax.OpCapture:
		return below.plus(size{instructions: 2})
	case syntax.OpRepeat:
		return estimateRepeat(below, parsed.Min, parsed.Max)
	case syntax.OpConcat:
		return below
	case syntax.OpAlternate:
		return below.plus(size{instructions: len(parsed.Sub) - 1})
	}
	return below.plus(size{instructions: 1})
}

// estimateRepeat measures the expansion of x{least,most}: x least times, and (x(x)?)? for the rest.
func estimateRepeat(below size, least, most int) size {
	if most < 0 {
		return below.times(max(least, 1)).plus(size{instructions: 1})
	}
	return below.times(max(most, 1)).plus(size{instructions: most - least})
}

// sizeOf measures a compiled program.
func sizeOf(program *syntax.Prog) size {
	measured := size{instructions: len(program.Inst)}
	for i := range program.Inst {
		measured.ranges += (len(program.Inst[i].Rune) + 1) / 2
	}
	return measured
}

// compilePrice is how many steps compiling takes.
func (s size) compilePrice() int64 {
	return int64(s.instructions*instructionPrice + s.ranges*rangePrice)
}
