<?php

declare(strict_types=1);

class Player
{
    public function __construct(public readonly string $name, public readonly int $points)
    {
    }

    public function compare(Player $other): int
    {
        return $other->points <=> $this->points ?: strcmp($this->name, $other->name);
    }
}

function rankPlayers(array $players): void
{
    usort($players, fn (Player $a, Player $b): int => $a->compare($b));
    $rank = 1;
    foreach ($players as $index => $player) {
        if ($player->points !== $players[$rank - 1]->points) {
            $rank = $index + 1;
        }
        echo "$rank $player->name", PHP_EOL;
    }
}

[$count] = fscanf(STDIN, '%d');
$players = [];
for ($i = 0; $i < $count; $i++) {
    $players[] = new Player(...fscanf(STDIN, '%s %d'));
}
rankPlayers($players);
