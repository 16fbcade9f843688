// net: a network of tables, written by Isinglass.
// Layer 0: 4 tables of 2 bits, 16 entries.
// Layer 1: 6 tables of 3 bits, 48 entries.
//
// features[4*f + 3 : 4*f]: feature f of 3, a signed whole
// number q for the value q / 2.0.
//
// counts[2*c + 1 : 2*c]: spins of
// class c that are up, of 2.
// index: the class whose count is the largest, the first of equal ones:
//   0: 'a'
//   1: 'b\n*/'
//   2: '\xb5'
module net (
    input  [11:0] features,
    output [5:0] counts,
    output [1:0] index
);

  wire bit0 = $signed(features[7:4]) >= 4'sh2;
  wire bit1 = $signed(features[7:4]) >= 4'sh3;
  wire bit2 = $signed(features[11:8]) >= 4'shf;
  wire bit3 = $signed(features[11:8]) >= 4'she;
  wire bit4 = $signed(features[3:0]) >= 4'sh0;

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
  reg  [11:0] features;
  wire [5:0] counts;
  wire [1:0] index;
  integer samples, wrong;

  net circuit (.features(features), .counts(counts), .index(index));

  task check;
    input [11:0] sample;
    input [5:0] true_counts;
    input [1:0] true_index;
    begin
      features = sample;
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
    check(12'h6e1, 6'h00, 2'd0);
    check(12'h266, 6'h00, 2'd0);
    $display("%0d samples, %0d wrong", samples, wrong);
    $finish(0);
  end
endmodule
