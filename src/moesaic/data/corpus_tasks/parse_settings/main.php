<?php

declare(strict_types=1);

function parseSettings(iterable $lines): array
{
    $section = '';
    $settings = [];
    foreach ($lines as $line) {
        $line = trim($line);
        if ($line === '' || $line[0] === '#') {
            continue;
        }
        if ($line[0] === '[') {
            $section = substr($line, 1, -1);
        } else {
            [$name, $value] = array_map(trim(...), explode('=', $line, 2));
            $settings[] = "$section.$name=$value";
        }
    }
    return $settings;
}

echo implode(PHP_EOL, parseSettings(file('php://stdin'))), PHP_EOL;
