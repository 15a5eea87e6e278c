def print_receipt(lines)
  total = lines.sum do |line|
    name, count, price = line.split
    cents = count.to_i * price.to_i
    print_line(name, cents)
    cents
  end
  print_line("total", total)
end

def print_line(name, cents)
  puts format("%-10s%8.2f", name, cents / 100.0)
end

print_receipt($stdin.readlines)
