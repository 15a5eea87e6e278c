// One decoding step of one row: all layers, the head and nothing else; compiled where it runs (compiler.py), called by
// native.py, which has the same structures. Same sums as single.py, which is where to read what is computed and why.
//
// A step reads every weight once, so its time is that of reading memory. Weights are bfloat16 where nothing is lost by
// that, as when the checkpoint was, or int8 where the user asks for it, and are widened in registers: states, factors and
// sums are float32 throughout.
// Each thread does its share of the outputs of every product; a sum is never split, so that the number of threads
// changes no result.
//
// D hidden, H heads, G key-value heads, A head size, F inner, E experts with factors, R rank, K experts chosen.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <omp.h>
#include <vector>

extern "C" {

struct Matrix {
    const void *weight;   // (outputs, inputs)
    const float *bias;    // (outputs), or null
    const float *scales;  // (outputs), what int8 is multiplied with
    int64_t outputs, inputs, type;
};

struct Norm {
    const float *weight;  // null: there is none
    double epsilon;
};

struct Layer {
    Norm norm, mlp_norm, query_norm, key_norm;
    Matrix query, key, value, output, gate, up, down;
    const float *router;     // (choices, D); null: a dense layer
    const float *gate_up_A;  // (2, E, R, D)
    const float *gate_up_B;  // (2, E, R, F)
    const float *down_A;     // (E, R, F)
    const float *down_B;     // (E, R, D)
    const float *scales;     // (E)
    float *keys, *values;    // (G, capacity, A), the row's part of the cache
    int64_t window;          // tokens that are seen, the row's own included; 0: all
    double scaling;
};

struct Model {
    int64_t hidden, heads, groups, head_size, inner, experts, choices, top_k, rank, capacity, num_layers;
    const Layer *layers;
    Norm norm;
    Matrix head;
};

}  // extern "C"

namespace {

constexpr int64_t ROUTED = -2;             // nothing is forced
constexpr int64_t BFLOAT16 = 1, INT8 = 2;  // types of weights; otherwise float32
constexpr int64_t AHEAD = 2048;            // bytes; without it, reading in order reaches half of the memory's speed

// 16 numbers. Compilers map these to what the processor has: one register of AVX-512, two of AVX2, four of NEON.
typedef float Floats __attribute__((vector_size(64)));
typedef uint32_t Words __attribute__((vector_size(64)));
typedef int32_t Integers __attribute__((vector_size(64)));
constexpr int64_t WIDTH = 16;

template <typename Vector> inline Vector load(const void *from) {
    Vector vector;
    std::memcpy(&vector, from, sizeof vector);
    return vector;
}

inline float total(Floats vector) {
    float sum = 0;
    for (int i = 0; i < WIDTH; ++i) sum += vector[i];
    return sum;
}

float dot(const float *a, const float *b, int64_t size) {
    Floats one = {}, two = {};
    int64_t i = 0;
    for (; i + 2 * WIDTH <= size; i += 2 * WIDTH) {
        __builtin_prefetch(reinterpret_cast<const char *>(a + i) + AHEAD);
        __builtin_prefetch(reinterpret_cast<const char *>(a + i + WIDTH) + AHEAD);
        one += load<Floats>(a + i) * load<Floats>(b + i);
        two += load<Floats>(a + i + WIDTH) * load<Floats>(b + i + WIDTH);
    }
    float sum = total(one + two);
    for (; i < size; ++i) sum += a[i] * b[i];
    return sum;
}

// A row of bfloat16 weights, two in a word, times states that were taken apart: those at even places, then the odd.
float dot_pairs(const uint32_t *row, const float *even, const float *odd, int64_t pairs) {
    const Words upper = Words{} + 0xffff0000u;
    Floats sums[4] = {};
    int64_t i = 0;
    for (; i + 2 * WIDTH <= pairs; i += 2 * WIDTH) {
        __builtin_prefetch(reinterpret_cast<const char *>(row + i) + AHEAD);
        __builtin_prefetch(reinterpret_cast<const char *>(row + i + WIDTH) + AHEAD);
        const Words one = load<Words>(row + i), two = load<Words>(row + i + WIDTH);
        sums[0] += (Floats)(one << 16) * load<Floats>(even + i);
        sums[1] += (Floats)(one & upper) * load<Floats>(odd + i);
        sums[2] += (Floats)(two << 16) * load<Floats>(even + i + WIDTH);
        sums[3] += (Floats)(two & upper) * load<Floats>(odd + i + WIDTH);
    }
    float sum = total((sums[0] + sums[1]) + (sums[2] + sums[3]));
    for (; i < pairs; ++i) {
        const uint32_t bits[2] = {row[i] << 16, row[i] & 0xffff0000u};
        float weights[2];
        std::memcpy(weights, bits, sizeof weights);
        sum += weights[0] * even[i] + weights[1] * odd[i];
    }
    return sum;
}

inline Floats widened(Words bytes) { return __builtin_convertvector((Integers)bytes >> 24, Floats); }

// The same for int8, four in a word: compilers widen shifted words in registers, and bytes one by one.
float dot_bytes(const uint32_t *row, const float *apart, int64_t words) {
    Floats sums[4] = {};
    int64_t i = 0;
    for (; i + WIDTH <= words; i += WIDTH) {
        __builtin_prefetch(reinterpret_cast<const char *>(row + i) + AHEAD);
        const Words four = load<Words>(row + i);
        sums[0] += widened(four << 24) * load<Floats>(apart + i);
        sums[1] += widened(four << 16) * load<Floats>(apart + words + i);
        sums[2] += widened(four << 8) * load<Floats>(apart + 2 * words + i);
        sums[3] += widened(four) * load<Floats>(apart + 3 * words + i);
    }
    float sum = total((sums[0] + sums[1]) + (sums[2] + sums[3]));
    for (; i < words; ++i) {
        int8_t four[4];
        std::memcpy(four, row + i, sizeof four);
        for (int64_t part = 0; part < 4; ++part) sum += four[part] * apart[part * words + i];
    }
    return sum;
}

inline void add_scaled(float *y, const float *x, float factor, int64_t size) {
    int64_t i = 0;
    for (; i + WIDTH <= size; i += WIDTH) {
        const Floats sum = load<Floats>(y + i) + factor * load<Floats>(x + i);
        std::memcpy(y + i, &sum, sizeof sum);
    }
    for (; i < size; ++i) y[i] += factor * x[i];
}

inline float silu(float x) { return x / (1 + std::exp(-x)); }

void normed(const Norm &norm, const float *x, float *y, int64_t size) {
    const float factor = 1 / std::sqrt(dot(x, x, size) / size + static_cast<float>(norm.epsilon));
    for (int64_t i = 0; i < size; ++i) y[i] = x[i] * factor * norm.weight[i];
}

// Halves that are turned against each other, as in transformers' rotate_half.
void rotate(float *head, const float *cos, const float *sin, int64_t size) {
    const int64_t half = size / 2;
    for (int64_t i = 0; i < half; ++i) {
        const float one = head[i], two = head[half + i];
        head[i] = one * cos[i] - two * sin[i];
        head[half + i] = two * cos[half + i] + one * sin[half + i];
    }
}

// What one thread has to itself.
struct Worker {
    int64_t index, count;
    std::vector<float> normed, apart, scores;

    // The thread's part of a number of things.
    int64_t begin(int64_t number) const { return number * index / count; }
    int64_t end(int64_t number) const { return number * (index + 1) / count; }

    // The thread's part of a product: y = W x + b, or y + W x + b.
    void multiply(const Matrix &matrix, const float *x, float *y, bool adds = false) {
        const int64_t inputs = matrix.inputs, parts = matrix.type == BFLOAT16 ? 2 : matrix.type == INT8 ? 4 : 1;
        const int64_t words = inputs / parts;  // of 32 bits, in a row of weights
        if (parts > 1)
            for (int64_t i = 0; i < words; ++i)
                for (int64_t part = 0; part < parts; ++part) apart[part * words + i] = x[parts * i + part];
        for (int64_t o = begin(matrix.outputs); o < end(matrix.outputs); ++o) {
            const uint32_t *row = static_cast<const uint32_t *>(matrix.weight) + o * words;
            float sum;
            if (matrix.type == BFLOAT16)
                sum = dot_pairs(row, apart.data(), apart.data() + words, words);
            else if (matrix.type == INT8)
                sum = dot_bytes(row, apart.data(), words) * matrix.scales[o];
            else
                sum = dot(static_cast<const float *>(matrix.weight) + o * inputs, x, inputs);
            if (matrix.bias) sum += matrix.bias[o];
            y[o] = adds ? y[o] + sum : sum;
        }
    }
};

// Experts in the order of their logits, the lower number first where they are equal, and a softmax over them.
void choose(const Model &model, const Layer &layer, const float *x, std::vector<int64_t> &chosen,
            std::vector<float> &weights) {
    std::vector<float> logits(model.choices);
    std::vector<int64_t> order(model.choices);
    for (int64_t e = 0; e < model.choices; ++e) {
        logits[e] = dot(layer.router + e * model.hidden, x, model.hidden);
        order[e] = e;
    }
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return logits[a] > logits[b]; });
    chosen.assign(order.begin(), order.begin() + model.top_k);
    weights.clear();
    float sum = 0;
    for (const int64_t e : chosen) {
        weights.push_back(std::exp(logits[e] - logits[chosen[0]]));
        sum += weights.back();
    }
    for (float &weight : weights) weight /= sum;
}

// What all threads share.
struct Buffers {
    std::vector<float> heads, mixed, gate, up, low, activations, sum, down_low;
    explicit Buffers(const Model &m)
        : heads((m.heads + 2 * m.groups) * m.head_size), mixed(m.heads * m.head_size), gate(m.inner), up(m.inner),
          low(m.choices * 2 * m.rank), activations(m.choices * m.inner), sum(m.inner), down_low(m.choices * m.rank) {}
};

void attend(const Model &model, const Layer &layer, Buffers &shared, Worker &worker, const float *cos,
            const float *sin, int64_t position) {
    const int64_t size = model.head_size, shares = model.heads / model.groups;
    float *queries = shared.heads.data(), *keys = queries + model.heads * size, *values = keys + model.groups * size;
    for (int64_t g = worker.begin(model.groups); g < worker.end(model.groups); ++g) {
        float *key = keys + g * size;
        if (layer.key_norm.weight) normed(layer.key_norm, key, key, size);
        rotate(key, cos, sin, size);
        const int64_t place = (g * model.capacity + position) * size;
        std::copy(key, key + size, layer.keys + place);
        std::copy(values + g * size, values + (g + 1) * size, layer.values + place);
    }
#pragma omp barrier
    const int64_t first = layer.window ? std::max<int64_t>(0, position + 1 - layer.window) : 0;
    float *scores = worker.scores.data();
    for (int64_t h = worker.begin(model.heads); h < worker.end(model.heads); ++h) {
        float *query = queries + h * size, *mixed = shared.mixed.data() + h * size;
        if (layer.query_norm.weight) normed(layer.query_norm, query, query, size);
        rotate(query, cos, sin, size);
        const int64_t group = h / shares * model.capacity * size;
        float greatest = -INFINITY, sum = 0;
        for (int64_t c = first; c <= position; ++c) {
            scores[c] = dot(layer.keys + group + c * size, query, size) * static_cast<float>(layer.scaling);
            greatest = std::max(greatest, scores[c]);
        }
        std::fill(mixed, mixed + size, 0.0f);
        for (int64_t c = first; c <= position; ++c) {
            const float weight = std::exp(scores[c] - greatest);
            sum += weight;
            add_scaled(mixed, layer.values + group + c * size, weight, size);
        }
        for (int64_t i = 0; i < size; ++i) mixed[i] /= sum;
    }
#pragma omp barrier
}

// The routed block, or the base's MLP where nothing is chosen; x is the normed state, hidden is added to.
void run_mlp(const Model &model, const Layer &layer, Buffers &shared, Worker &worker, const float *x, float *hidden,
             int64_t forced) {
    const int64_t D = model.hidden, F = model.inner, R = model.rank, E = model.experts;
    std::vector<int64_t> chosen;  // each thread chooses for itself, all the same: quicker than to wait for one
    std::vector<float> weights;
    if (layer.router && forced == ROUTED) choose(model, layer, x, chosen, weights);
    if (layer.router && forced >= 0) chosen = {forced}, weights = {1};
    const int64_t K = chosen.size();
    worker.multiply(layer.gate, x, shared.gate.data());
    worker.multiply(layer.up, x, shared.up.data());
    for (int64_t row = worker.begin(K * 2 * R); row < worker.end(K * 2 * R); ++row) {
        const int64_t k = row / (2 * R), p = row / R % 2, r = row % R, e = chosen[k];
        if (e < E) shared.low[row] = dot(layer.gate_up_A + ((p * E + e) * R + r) * D, x, D) * layer.scales[e];
    }
#pragma omp barrier
    const int64_t from = worker.begin(F), size = worker.end(F) - from;
    float *sum = shared.sum.data() + from, *gate = worker.apart.data(), *up = gate + size;
    if (K == 0)
        for (int64_t i = 0; i < size; ++i) sum[i] = silu(shared.gate[from + i]) * shared.up[from + i];
    else
        std::fill(sum, sum + size, 0.0f);
    for (int64_t k = 0; k < K; ++k) {
        const int64_t e = chosen[k];
        std::copy_n(shared.gate.data() + from, size, gate);
        std::copy_n(shared.up.data() + from, size, up);
        for (int64_t r = 0; e < E && r < R; ++r) {
            add_scaled(gate, layer.gate_up_B + (e * R + r) * F + from, shared.low[k * 2 * R + r], size);
            add_scaled(up, layer.gate_up_B + ((E + e) * R + r) * F + from, shared.low[(k * 2 + 1) * R + r], size);
        }
        float *own = shared.activations.data() + k * F + from;
        for (int64_t i = 0; i < size; ++i) {
            own[i] = silu(gate[i]) * up[i] * weights[k];
            sum[i] += own[i];
        }
    }
#pragma omp barrier
    worker.multiply(layer.down, shared.sum.data(), hidden, true);
    for (int64_t row = worker.begin(K * R); row < worker.end(K * R); ++row) {
        const int64_t k = row / R, e = chosen[k];
        if (e >= E) continue;
        shared.down_low[row] =
            dot(layer.down_A + (e * R + row % R) * F, shared.activations.data() + k * F, F) * layer.scales[e];
    }
#pragma omp barrier
    const int64_t start = worker.begin(D), outputs = worker.end(D) - start;
    for (int64_t row = 0; row < K * R; ++row) {
        const int64_t e = chosen[row / R];
        if (e < E) add_scaled(hidden + start, layer.down_B + (e * R + row % R) * D + start, shared.down_low[row], outputs);
    }
#pragma omp barrier
}

}  // namespace

// Adds a token at `position` to the cache and computes the logits of the next.
//
//   cos, sin  rotation of the position, (A)
//   forced    -2: routed; -1: as the base; otherwise the number of an expert
//   hidden    the token's embedding, (D); is overwritten
//   logits    (vocabulary)
//   inputs    what each layer's block is given, (layers, D), for whoever wants to know its routes; null: nobody does
extern "C" void moesaic_step(const Model *model, const float *cos, const float *sin, int64_t position, int64_t forced,
                             float *hidden, float *logits, float *inputs, int64_t threads) {
    Buffers shared(*model);
    const int64_t D = model->hidden, widest = std::max({D, 2 * model->inner, model->heads * model->head_size});
#pragma omp parallel num_threads(threads)
    {
        Worker worker{omp_get_thread_num(), omp_get_num_threads(), std::vector<float>(D), std::vector<float>(widest),
                      std::vector<float>(position + 1)};
        float *x = worker.normed.data(), *heads = shared.heads.data();
        for (int64_t l = 0; l < model->num_layers; ++l) {
            const Layer &layer = model->layers[l];
            normed(layer.norm, hidden, x, D);
            worker.multiply(layer.query, x, heads);
            worker.multiply(layer.key, x, heads + model->heads * model->head_size);
            worker.multiply(layer.value, x, heads + (model->heads + model->groups) * model->head_size);
#pragma omp barrier
            attend(*model, layer, shared, worker, cos, sin, position);
            worker.multiply(layer.output, shared.mixed.data(), hidden, true);
#pragma omp barrier
            normed(layer.mlp_norm, hidden, x, D);
            if (inputs && worker.index == 0) std::copy(x, x + D, inputs + l * D);
            run_mlp(*model, layer, shared, worker, x, hidden, forced);
        }
        normed(model->norm, hidden, x, D);
        worker.multiply(model->head, x, logits);
    }
}
