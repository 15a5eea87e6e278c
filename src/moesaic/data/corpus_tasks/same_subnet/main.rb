def to_number(address)
  address.split(".").reduce(0) { |number, part| (number << 8) + part.to_i }
end

def same_subnet(first, second, prefix)
  host_bits = 32 - prefix
  to_number(first) >> host_bits == to_number(second) >> host_bits
end

first = gets.chomp
second = gets.chomp
prefix = gets.to_i
puts same_subnet(first, second, prefix) ? "yes" : "no"
