package nn

// TCN returns a dilated residual network at full resolution, in the manner of
// Bai, Kolter and Koltun, "An Empirical Evaluation of Generic Convolutional and
// Recurrent Networks for Sequence Modeling", 2018, with a bounded look-ahead
// in place of strict causality:
//
//	1×1 in → channels
//	per dilation d: x + 1×1(gelu(conv(x; kernel taps, d)))   the 1×1 zero at first
//	gelu, 1×1 channels → out                                zero at first
//
// A convolution of kernel taps spans s = (kernel-1)·d columns besides the one
// it is for. Those on the right of it, in the future, come out of the budget of
// lookahead columns: each takes up to half its span, the smallest dilations
// first; what is then left goes to the largest dilations, as far as their span
// allows. A negative lookahead gives every layer the half: the symmetrical
// network. The output is that of the network itself; what it stands for (such
// as noise to subtract) is the caller's business.
func TCN(in, out, channels, kernel int, dilations []int, lookahead int) Spec {
	spans := make([]int, len(dilations))
	right := make([]int, len(dilations))
	left := lookahead
	for i, d := range dilations {
		spans[i] = (kernel - 1) * d
		right[i] = spans[i] / 2
		if lookahead >= 0 {
			right[i] = min(right[i], left)
			left -= right[i]
		}
	}
	for i := len(spans) - 1; i >= 0 && left > 0; i-- {
		more := min(spans[i]-right[i], left)
		right[i] += more
		left -= more
	}
	layers := []LayerSpec{{Op: Conv, Out: channels}}
	for i, d := range dilations {
		layers = append(layers, LayerSpec{Op: Residual, Layers: []LayerSpec{
			{Op: Conv, Out: channels, Kernel: kernel, Dilation: d, Pad: [2]int{spans[i] - right[i], right[i]}},
			{Op: GELU},
			{Op: Conv, Out: channels, Zero: true},
		}})
	}
	layers = append(layers, LayerSpec{Op: GELU}, LayerSpec{Op: Conv, Out: out, Zero: true})
	return Spec{In: in, Layers: layers}
}

// BlindSpot returns a dilated residual network that never reads the column an
// output is for: half of the channels see what was before it and half what comes
// after, and only the head brings both together, each one column away, in the
// manner of Laine et al., "High-Quality Self-Supervised Deep Image Denoising",
// 2019, section 3, with masks in place of shifted branches:
//
//	1×1 in → channels
//	per dilation d: x + 1×1(gelu(conv(x; kernel taps a side, d)))   halves apart, the 1×1 zero at first
//	gelu, conv(one column to each side) → channels, gelu
//	1×1 channels → out                                              zero at first
//
// Channels must be even. The future columns come out of the budget of lookahead,
// which the smallest dilations use up first and the head what they leave, up to a
// kernel; a negative one gives every layer as many taps on the right as on the left.
func BlindSpot(in, out, channels, kernel int, dilations []int, lookahead int) Spec {
	layers := []LayerSpec{{Op: Conv, Out: channels}}
	ahead := 1 // columns, of the head
	if lookahead == 0 {
		ahead = 0
	}
	left := max(lookahead-ahead, 0)
	for _, d := range dilations {
		right := kernel - 1
		if lookahead >= 0 {
			right = min(right, left/d)
			left -= right * d
		}
		layers = append(layers, LayerSpec{Op: Residual, Layers: []LayerSpec{
			{Op: Conv, Out: channels, Kernel: kernel + right, Dilation: d, Pad: [2]int{(kernel - 1) * d, right * d}, Groups: 2, Taps: SidedTaps},
			{Op: GELU},
			{Op: Conv, Out: channels, Groups: 2, Zero: true},
		}})
	}
	ahead += min(left, kernel-1)
	layers = append(layers, LayerSpec{Op: GELU},
		LayerSpec{Op: Conv, Out: channels, Kernel: 2 + ahead, Pad: [2]int{1, ahead}, Taps: BlindTaps}, LayerSpec{Op: GELU},
		LayerSpec{Op: Conv, Out: out, Zero: true})
	return Spec{In: in, Layers: layers}
}

// DAE returns a convolutional autoencoder, the textbook shape: an encoder that
// halves the rate once per width, a linear 1×1 bottleneck of latent channels,
// and the mirrored decoder of transposed convolutions:
//
//	per width w: conv(kernel taps, stride 2) → w, relu
//	1×1 → latent, 1×1 → last width, relu
//	per width, backwards: transposed conv(kernel taps, stride 2), relu but for the last → out
//
// It has no dense layer, so any length will do, and it streams in hops of
// 2^len(widths) columns. The output is as long as the input where that is a
// multiple of the hop, else that rounded up to one.
func DAE(in, out int, widths []int, kernel int, latent int) Spec {
	// With kernel-1 columns of padding T columns become T/2, rounded up. The
	// transposed convolution with the same pads is the adjoint; it makes 2·T-1
	// columns of T, so it takes one column of output pad.
	pad := [2]int{(kernel - 1) / 2, kernel / 2}
	var layers []LayerSpec
	for _, w := range widths {
		layers = append(layers,
			LayerSpec{Op: Conv, Out: w, Kernel: kernel, Stride: 2, Pad: pad}, LayerSpec{Op: ReLU})
	}
	layers = append(layers, LayerSpec{Op: Conv, Out: latent})
	for i := len(widths) - 1; i >= 0; i-- {
		if i == len(widths)-1 {
			layers = append(layers, LayerSpec{Op: Conv, Out: widths[i]}, LayerSpec{Op: ReLU})
		}
		up := LayerSpec{Op: ConvT, Out: out, Kernel: kernel, Stride: 2, Pad: pad, OutputPad: 1}
		if i > 0 {
			up.Out = widths[i-1]
			layers = append(layers, up, LayerSpec{Op: ReLU})
		} else {
			layers = append(layers, up)
		}
	}
	return Spec{In: in, Layers: layers}
}
