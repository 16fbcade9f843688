/* Reading tables and their extended finite difference, as the published equations and
   kernel have it: for every sample, table, input and entry of the table in turn,
   O(B N n 2^n). Written from the equations of arXiv 2410.11112 for benchmarks/lookup.py,
   which compiles it. */

#include <math.h>
#include <stdint.h>

static int address_of(const float *bits, const int32_t *wires, int arity) {
  int address = 0;
  for (int l = 0; l < arity; l++) address |= (bits[wires[l]] > 0) << l;
  return address;
}

/* bits (B, F), wires (N, n), tables (N, 2^n) to outputs (B, N) */
void look_up(const float *bits, const int32_t *wires, const float *tables,
             float *outputs, int batch, int inputs, int count, int arity) {
  for (int b = 0; b < batch; b++)
    for (int j = 0; j < count; j++) {
      int a = address_of(bits + (long)b * inputs, wires + (long)j * arity, arity);
      outputs[(long)b * count + j] = tables[((long)j << arity) + a];
    }
}

/* cotangent (B, N) to by_bits (B, F) and by_tables (N, 2^n), both zero before */
void pull_back(const float *bits, const int32_t *wires, const float *tables,
               const float *cotangent, float *by_bits, float *by_tables,
               const int32_t *sizes) {
  int batch = sizes[0], inputs = sizes[1], count = sizes[2], arity = sizes[3];
  int entries = 1 << arity;
  float alpha = 0.5f * powf(0.75f, arity - 1), beta = 1.0f / 3;
  float weight[16];
  weight[0] = alpha;
  for (int h = 1; h < arity; h++) weight[h] = weight[h - 1] * beta;
  for (int b = 0; b < batch; b++)
    for (int j = 0; j < count; j++) {
      const int32_t *own = wires + (long)j * arity;
      const float *table = tables + (long)j * entries;
      int a = address_of(bits + (long)b * inputs, own, arity);
      float g = cotangent[(long)b * count + j];
      by_tables[(long)j * entries + a] += g;
      for (int l = 0; l < arity; l++) {
        int others = (entries - 1) & ~(1 << l);
        float slope = 0;
        for (int k = 0; k < entries; k++) {
          float term = weight[__builtin_popcount((a ^ k) & others)] * table[k];
          slope += (k >> l) & 1 ? term : -term;
        }
        by_bits[(long)b * inputs + own[l]] += g * slope;
      }
    }
}
