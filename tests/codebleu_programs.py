"""Programs for the CodeBLEU tests, written for them: one of several constructs per language."""

from __future__ import annotations

PROGRAMS = {
    "python": """import sys

def tally(values, start=0):
    # counts upwards
    total, seen = start, []
    for index, value in enumerate(values):
        if value > total:
            total += value
        elif value < 0:
            total -= index
        else:
            seen.append(value)
    while (rest := total % 7) > 3:
        total = total - rest
    return [item * 2 for item in seen if item], total

print(tally([3, 1, 4]), "done")
""",
    "java": """import java.util.*;
class Counter {
    private int count = 0;
    Counter(int count) { this.count = count; }
    int run(int[] values, final boolean up) {
        int best = 0;
        for (int value : values) { best += value; }
        for (int i = 0; i < best; i++) { if (up) count++; else count = count - i; }
        String text = null; // nothing
        do { best--; } while (best > 3 && text == null);
        return best;
    }
    public static void main(String[] args) { System.out.println(new Counter(2).run(new int[]{1, 2}, true)); }
}
""",
    "javascript": """function scan(rows, limit = 3) {
  let best = 0, last;
  for (const row of rows) {
    last = row;
    best = best > last ? best : last;
  }
  for (let i = 0; i < limit; i++) { best += i; }
  const [first, ...others] = rows;
  const twice = (x) => x * 2;
  /* a comment */
  return twice(best) + first + others.length;
}
console.log(scan([1, 2, 3]), `sum`);
""",
    "cpp": """#include <iostream>
#include <vector>
using namespace std;
int sum(const vector<int>& values, int start = 1) {
    int total = start;
    for (auto value : values) total += value; // every one
    for (int i = 0; i < 3; i++) { int next = i; total = total + next; }
    auto twice = [&](int x) { return 2 * x; };
    return total > 10 ? twice(total) : total;
}
int main() { int n; cin >> n; vector<int> v = {1, 2, n}; cout << sum(v) << endl; return 0; }
""",
    "c": """#include <stdio.h>
int sum(int *values, int n) {
    int total = 0;
    for (int i = 0; i < n; i++) { total += values[i]; }
    while (total > 9) total = total / 2;
    return total;
}
int main(void) { int a[3] = {1, 2, 3}; printf("%d", sum(a, 3)); return 0; }
""",
    "csharp": """using System;
class Program {
    static int Sum(int[] values, int start = 0) {
        int total = start;
        foreach (var value in values) { total += value; }
        for (int i = 0; i < 3; i++) { int next = i; total = total + next; }
        return total;
    }
    static void Main(string[] args) { Console.WriteLine(Sum(new int[] { 1, 2 })); }
}
""",
    "php": """<?php
function total($values, $start = 0) {
    $sum = $start;
    foreach ($values as $key => $value) { $sum += $value; }
    for ($i = 0; $i < 3; $i++) { $next = $i; $sum = $sum + $next; }
    return $sum;
}
echo total([1, 2, 3]);
""",
    "typescript": """enum Side { Left = 1, Right }
interface Row { value: number; side?: Side }
function scan(rows: Row[], limit: number = 3): number {
  let best: number = 0, last: number | undefined;
  for (const row of rows as Array<Row>) {
    last = row.value;
    best = best > last ? best : last!;
  }
  for (let i = 0; i < limit; i++) { best += i; }
  const twice = (x: number): number => x * 2;
  /* a comment */
  return twice(best);
}
class Box<T> {
  private held: T[] = [];
  add(item: T): void { this.held.push(item); }
}
console.log(scan([{ value: 1 }]), `sum`);
""",
    "go": """package main

import "fmt"

type Box struct{ held []int }

// Add keeps an item.
func (box *Box) Add(item int) { box.held = append(box.held, item) }

func sum(values []int, start int) (total int) {
	total = start
	for index, value := range values {
		if half := value / 2; half > index {
			total += half
		}
	}
	for i := 0; i < 3; i++ {
		next := i
		total = total + next
	}
	twice := func(x int) int { return x * 2 }
	return twice(total)
}

func main() { fmt.Println(sum([]int{1, 2}, 3), "done", nil == nil) }
""",
    "ruby": """require "set"
class Tally
  def initialize(count = 0)
    @count = count
  end

  # counts upwards
  def run(values)
    best, seen = 0, []
    values.each_with_index do |value, index|
      if value > best
        best += value
      elsif value.nil?
        next
      else
        seen << index unless seen.include?(index)
      end
    end
    best = best - 1 while best > 3
    @count += best
    case best
    when 1 then best = 2
    else best = @count
    end
    doubled = seen.map { |index| index * 2 }
    [doubled, best, "#{best} of #{@count}"]
  end
end
puts Tally.new(2).run([1, 2]).first
""",
    "lua": """local Tally = {}
Tally.__index = Tally

-- counts upwards
function Tally.new(count)
  return setmetatable({count = count or 0}, Tally)
end

function Tally:run(values)
  local best, seen = 0, {}
  for index, value in ipairs(values) do
    if value > best then
      best = best + value
    elseif value == nil then
      break
    else
      seen[#seen + 1] = index
    end
  end
  while best > 3 do best = best - 1 end
  repeat best = best + 2 until best ~= 7 or true
  for i = 1, #seen do self.count = self.count + seen[i] end
  return best .. "done", seen
end

print(Tally.new(2):run({1, 2}))
""",
}

RENAMED = {
    "python": {"total": "amount", "values": "items", "value": "item1", "index": "position", "seen": "kept"},
    "java": {"count": "number", "values": "items", "value": "entry", "best": "top", "i": "k", "text": "words"},
    "javascript": {
        "rows": "lines",
        "best": "top",
        "last": "recent",
        "row": "line",
        "i": "k",
        "first": "head",
        "x": "y",
    },
    "cpp": {"total": "amount", "value": "entry", "values": "items", "i": "k", "next": "follow", "x": "y", "n": "size"},
    "c": {"total": "amount", "values": "items", "n": "size", "i": "k", "a": "numbers"},
    "csharp": {"total": "amount", "values": "items", "value": "entry", "i": "k", "next": "follow", "start": "first"},
    "php": {"sum": "amount", "values": "items", "value": "entry", "i": "k", "next": "follow", "key": "place"},
    "typescript": {"rows": "lines", "best": "top", "last": "recent", "row": "line", "i": "k", "x": "y", "held": "kept"},
    "go": {
        "total": "amount",
        "values": "items",
        "value": "entry",
        "i": "k",
        "next": "follow",
        "x": "y",
        "half": "part",
    },
    "lua": {"best": "top", "seen": "kept", "value": "entry", "index": "place", "values": "items", "i": "k"},
    "ruby": {"best": "top", "seen": "kept", "value": "entry", "index": "place", "values": "items", "count": "number"},
}
"""Consistent renamings: every old name a word of the program, every new one not."""
