// net: a network of tables, written by Isinglass.
// Layer 0: 4 tables of 2 bits, 16 entries.
// Layer 1: 6 tables of 3 bits, 48 entries.
//
// bits: whether a feature is above a threshold,
//   0: feature 1 above 0.5714285714285714
//   1: feature 1 above 1.1428571428571428
//   2: feature 2 above -1.0
//   3: feature 2 above -1.2857142857142858
//   4: feature 0 above -0.14285714285714285
//
// counts[2*c + 1 : 2*c]: spins of
// class c that are up, of 2.
// index: the class whose count is the largest, the first of equal ones:
//   0: 'a'
//   1: 'b\n*/'
//   2: '\xb5'
module net (
    input  [4:0] bits,
    output [5:0] counts,
    output [1:0] index
);

  wire bit0 = bits[0];
  wire bit1 = bits[1];
  wire bit2 = bits[2];
  wire bit3 = bits[3];
  wire bit4 = bits[4];

  wire [3:0] table0_0 = 4'h0;
  wire spin0_0 = table0_0[{bit2, bit1}];
  wire [3:0] table0_1 = 4'ha;
  wire spin0_1 = table0_1[{bit2, bit3}];
  wire [3:0] table0_2 = 4'h1;
  wire spin0_2 = table0_2[{bit0, bit0}];
  wire [3:0] table0_3 = 4'h0;
  wire spin0_3 = table0_3[{bit3, bit4}];

  wire [7:0] table1_0 = 8'h04;
  wire spin1_0 = table1_0[{spin0_1, spin0_0, spin0_2}];
  wire [7:0] table1_1 = 8'h00;
  wire spin1_1 = table1_1[{spin0_2, spin0_1, spin0_3}];
  wire [7:0] table1_2 = 8'h00;
  wire spin1_2 = table1_2[{spin0_1, spin0_0, spin0_1}];
  wire [7:0] table1_3 = 8'h01;
  wire spin1_3 = table1_3[{spin0_3, spin0_1, spin0_2}];
  wire [7:0] table1_4 = 8'h40;
  wire spin1_4 = table1_4[{spin0_3, spin0_2, spin0_1}];
  wire [7:0] table1_5 = 8'h00;
  wire spin1_5 = table1_5[{spin0_0, spin0_1, spin0_3}];

  function [1:0] ones;
    input [1:0] spins;
    integer place;
    begin
      ones = 2'd0;
      for (place = 0; place < 2; place = place + 1)
        ones = ones + {1'd0, spins[place]};
    end
  endfunction

  assign counts[1:0] = ones({
    spin1_0, spin1_1});
  assign counts[3:2] = ones({
    spin1_2, spin1_3});
  assign counts[5:4] = ones({
    spin1_4, spin1_5});

  function [1:0] first_of_most;
    input [5:0] counts;
    reg [1:0] most;
    integer place;
    begin
      first_of_most = 2'd0;
      most = counts[1:0];
      for (place = 1; place < 3; place = place + 1)
        if (counts[place*2 +: 2] > most) begin
          first_of_most = place[1:0];
          most = counts[place*2 +: 2];
        end
    end
  endfunction

  assign index = first_of_most(counts);
endmodule

// Whether net answers 2 samples as in Python.
module net_test;
  reg  [4:0] bits;
  wire [5:0] counts;
  wire [1:0] index;
  integer samples, wrong;

  net circuit (.bits(bits), .counts(counts), .index(index));

  task check;
    input [4:0] sample;
    input [5:0] true_counts;
    input [1:0] true_index;
    begin
      bits = sample;
      #1;
      if (counts !== true_counts || index !== true_index) begin
        wrong = wrong + 1;
        $display("sample %0d: index %0d is not %0d, or counts %h not %h",
            samples, index, true_index, counts, true_counts);
      end
      samples = samples + 1;
    end
  endtask

  initial begin
    samples = 0;
    wrong = 0;
    check(5'h1c, 6'h00, 2'd0);
    check(5'h1f, 6'h00, 2'd0);
    $display("%0d samples, %0d wrong", samples, wrong);
    $finish(0);
  end
endmodule
