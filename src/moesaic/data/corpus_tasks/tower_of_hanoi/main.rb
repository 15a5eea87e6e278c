def tower_of_hanoi(disks, source, target, spare)
  return if disks.zero?

  tower_of_hanoi(disks - 1, source, spare, target)
  puts "#{source} -> #{target}"
  tower_of_hanoi(disks - 1, spare, target, source)
end

disks = gets.to_i
tower_of_hanoi(disks, "A", "C", "B")
