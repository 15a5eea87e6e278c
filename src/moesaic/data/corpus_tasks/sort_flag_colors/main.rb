def sort_flag_colors(stripes)
  stripes.chars.sort_by { |stripe| "rwb".index(stripe) }.join
end

puts sort_flag_colors(gets.chomp)
